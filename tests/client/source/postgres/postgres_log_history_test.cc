// What a PostgreSQL database's change log says of positions, and what cycles bring to a mirror by it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/client/source/postgres/postgres_log_source.h"

namespace mirror::postgres_log_history_test {
namespace {

using testing::HasSubstr;

class PostgresHistoryTest : public PostgresLogTest {
 protected:
  void Start() {
    Sql("CREATE TABLE t(id int PRIMARY KEY, a text, n numeric(10,2)); INSERT INTO t SELECT i, 'a' || i, i "
        "FROM "
        "generate_series(1, 100) i");
    Install();
    Cycle();
  }

  bool IsTrue(const std::string& query) {
    const auto rows = connection_->Query(query, {}, "looking");
    return rows.ok() && rows->rows() == 1 && rows->Bool(0, 0);
  }
  static bool Until(const std::function<bool()>& is_so) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!is_so()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::yield();
    }
    return true;
  }
};

TEST_F(PostgresHistoryTest, ATableIsPopulatedAndThenFollowed) {
  Start();
  EXPECT_EQ(mirror_["t"].action, "populate");
  ExpectEqual();
  CycleAndExpect("t", "nothing");
  Sql("UPDATE t SET a = 'b' WHERE id < 10; DELETE FROM t WHERE id > 90; INSERT INTO t VALUES (1000, NULL, "
      "0.5)");
  CycleAndExpect("t", "changes");
  CycleAndExpect("t", "nothing");
}

TEST_F(PostgresHistoryTest, AnotherProcessGoesOnWhereTheFirstOneEnded) {
  Start();
  Close();
  Sql("UPDATE t SET a = 'while away' WHERE id = 5");
  CycleAndExpect("t", "changes");
  EXPECT_EQ(log_->source_id(), kSourceId);
}

TEST_F(PostgresHistoryTest, WhatChangesWhileItIsPopulatedFollows) {
  Sql("CREATE TABLE t(id int PRIMARY KEY, a text); INSERT INTO t SELECT i, 'a' || i FROM generate_series(1, "
      "500) i");
  Install();
  amid_ = [this] {
    Sql("UPDATE t SET id = id + 1000 WHERE id BETWEEN 100 AND 120; DELETE FROM t WHERE id = 1; "
        "INSERT INTO t VALUES (5000, 'new'); UPDATE t SET a = 'x' WHERE id = 500");
  };
  CycleAndExpect("t", "populate");
  CycleAndExpect("t", "nothing");
}

/// PostgreSQL holds a slot for a moment longer than who read it.
constexpr char kLetGoOfSlot[] =
    "SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots WHERE active";

TEST_F(PostgresHistoryTest, ASlotThatIsDroppedOrMovedIsCompared) {
  Start();
  Close();
  Sql("UPDATE t SET a = 'unseen' WHERE id = 7");
  Sql(kLetGoOfSlot);
  Sql("SELECT pg_drop_replication_slot('_mirror_cust')");
  CycleAndExpect("t", "compare");
  CycleAndExpect("t", "nothing");
  Close();
  Sql("UPDATE t SET a = 'unseen, too' WHERE id = 8");
  Sql(kLetGoOfSlot);
  Sql("SELECT pg_replication_slot_advance('_mirror_cust', pg_current_wal_lsn())");
  CycleAndExpect("t", "compare");
  Sql("UPDATE t SET a = 'seen' WHERE id = 8");
  CycleAndExpect("t", "changes");
}

TEST_F(PostgresHistoryTest, AStageThatIsLostIsCompared) {
  Start();
  Close();
  for (const std::string end : {"", "-wal", "-shm"})
    std::filesystem::remove(folder_ / ("Cust.stage.db" + end));
  Sql("UPDATE t SET a = 'unseen' WHERE id = 7");
  CycleAndExpect("t", "compare");
  Sql("UPDATE t SET a = 'seen' WHERE id = 8");
  CycleAndExpect("t", "changes");
  EXPECT_EQ(log_->source_id(), kSourceId);
}

TEST_F(PostgresHistoryTest, AnOlderStageGoesOnFromThePositionThatTheSlotGives) {
  Start();
  Close();
  const std::string path = folder_ / "Cust.stage.db";
  std::filesystem::copy_file(path, path + ".old");
  Sql("UPDATE t SET a = 'later' WHERE id = 7");
  CycleAndExpect("t", "changes");
  Close();
  for (const std::string end : {"-wal", "-shm"}) std::filesystem::remove(path + end);
  std::filesystem::rename(path + ".old", path);
  Sql("UPDATE t SET a = 'behind it' WHERE id = 8");
  CycleAndExpect("t", "changes");
}

TEST_F(PostgresHistoryTest, AMirrorThatIsBehindWhatAnOlderStageHasIsCompared) {
  Start();
  const Position first = mirror_["t"].position;
  const auto rows = mirror_["t"].rows;
  Close();
  const std::string path = folder_ / "Cust.stage.db";
  std::filesystem::copy_file(path, path + ".old");
  Sql("UPDATE t SET a = 'later' WHERE id = 7");
  CycleAndExpect("t", "changes");
  Close();
  for (const std::string end : {"-wal", "-shm"}) std::filesystem::remove(path + end);
  std::filesystem::rename(path + ".old", path);
  mirror_["t"].position = first;
  mirror_["t"].rows = rows;
  CycleAndExpect("t", "compare");
  EXPECT_EQ(standing_["t"], Standing::kKnown) << "since it was adopted";
}

TEST_F(PostgresHistoryTest, APositionThatNobodySentIsAMiss) {
  Start();
  Sql("UPDATE t SET a = 'b' WHERE id = 7");
  mirror_["t"].position.lineage = "another";
  CycleAndExpect("t", "populate");
  EXPECT_EQ(standing_["t"], Standing::kMiss);
  mirror_["t"].position = {Lsn{INT64_MAX / 2}, "another"};
  CycleAndExpect("t", "populate");
  EXPECT_EQ(standing_["t"], Standing::kAhead);
  ++mirror_["t"].position.lsn.value;
  CycleAndExpect("t", "populate");
  EXPECT_EQ(standing_["t"], Standing::kMiss);
}

TEST_F(PostgresHistoryTest, AServerThatIsKilledGoesOn) {
  Start();
  Sql("UPDATE t SET a = 'before' WHERE id = 7");
  server_->Kill();
  ASSERT_THAT(server_->StartAgain(), IsOk());
  Connect();
  CycleAndExpect("t", "changes");
  Sql("UPDATE t SET a = 'behind' WHERE id = 8");
  CycleAndExpect("t", "changes");
}

TEST_F(PostgresHistoryTest, ACopyOfBeforeIsBehindTheMirror) {
  Start();
  KeepCopy();
  Sql("UPDATE t SET a = 'of the future' WHERE id < 50");
  CycleAndExpect("t", "changes");
  PutCopyBack();
  CycleAndExpect("t", "populate");
  EXPECT_EQ(standing_["t"], Standing::kAhead);
  CycleAndExpect("t", "nothing");
}

TEST_F(PostgresHistoryTest, ACopyOfBeforeThatWasWrittenPastTheMirrorIsAMiss) {
  Start();
  KeepCopy();
  Sql("UPDATE t SET a = 'of the future' WHERE id < 5");
  CycleAndExpect("t", "changes");
  PutCopyBack();
  for (int i = 0; i < 50; ++i) Sql("UPDATE t SET a = 'another past' WHERE id > 5");
  CycleAndExpect("t", "populate");
  EXPECT_EQ(standing_["t"], Standing::kMiss);
  CycleAndExpect("t", "nothing");
}

TEST_F(PostgresHistoryTest, ATruncatedTableIsPopulated) {
  Start();
  Sql("TRUNCATE t; INSERT INTO t VALUES (1, 'after', 1)");
  CycleAndExpect("t", "populate");
  EXPECT_EQ(standing_["t"], Standing::kEmptied);
  CycleAndExpect("t", "nothing");
}

TEST_F(PostgresHistoryTest, ATruncatedTableIsReadFromTheStage) {
  Start();
  Sql("TRUNCATE t; INSERT INTO t SELECT i, 'after', 1 FROM generate_series(1, 3000) i; DELETE FROM t WHERE "
      "id "
      "> 2900");
  Sql("UPDATE t SET a = 'later' WHERE id < 100; UPDATE t SET id = id + 10000 WHERE id BETWEEN 200 AND 300");
  // Nobody reads the table now.
  const auto other = Session();
  ASSERT_THAT(other->Execute("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE"), IsOk());
  amid_ = [&] { ASSERT_THAT(other->Execute("UPDATE t SET a = 'amid' WHERE id > 2000; COMMIT"), IsOk()); };
  CycleAndExpect("t", "populate");
  EXPECT_EQ(standing_["t"], Standing::kEmptied);
  EXPECT_EQ(mirror_["t"].rows.at("i:2500|")[1], "t:amid");
  CycleAndExpect("t", "nothing");
  Sql("TRUNCATE t");
  CycleAndExpect("t", "populate");
  EXPECT_TRUE(mirror_["t"].rows.empty());
}

TEST_F(PostgresHistoryTest, ATableThatIsEmptiedAgainWhileItIsReadFromTheStageIsReadAnew) {
  Start();
  Sql("TRUNCATE t; INSERT INTO t SELECT i, 'after', 1 FROM generate_series(1, 3000) i");
  amid_ = [this] { Sql("TRUNCATE t; INSERT INTO t VALUES (5, 'twice', 1)"); };
  Cycle();
  if (mirror_["t"].action != "populate") Cycle();
  ExpectEqual();
  EXPECT_EQ(mirror_["t"].rows.size(), 1U);
}

TEST_F(PostgresHistoryTest, ATruncatedTableWhoseRowsAreNotAllStagedIsReadInTheSource) {
  Sql("CREATE TABLE t(id int PRIMARY KEY, a text, big text); ALTER TABLE t ALTER big SET STORAGE EXTERNAL; "
      "INSERT INTO t SELECT i, 'a', repeat('x', 4000) FROM generate_series(1, 20) i");
  Install();
  Cycle();
  Sql("TRUNCATE t; INSERT INTO t SELECT i, 'b', repeat('y', 4000) FROM generate_series(1, 20) i");
  Sql("UPDATE t SET id = id + 100 WHERE id < 5");  // Of these the log leaves `big` out.
  CycleAndExpect("t", "populate");
  CycleAndExpect("t", "nothing");
}

TEST_F(PostgresHistoryTest, ANewTableWaitsForWhoMayHaveWrittenToItBefore) {
  Start();
  Sql("CREATE TABLE late(id int PRIMARY KEY)");
  Cycle();
  EXPECT_THAT(mirror_["late"].action, HasSubstr("mirror-agent install"));
  const auto other = Session();
  ASSERT_THAT(other->Execute("BEGIN; INSERT INTO late VALUES (1); PREPARE TRANSACTION 'forgotten'"), IsOk());
  Install();
  snapshot_wait_ms_ = 50;
  Cycle();
  EXPECT_THAT(mirror_["late"].action, HasSubstr("open transactions"));
  EXPECT_EQ(mirror_["t"].action, "nothing");
  ASSERT_THAT(other->Execute("COMMIT PREPARED 'forgotten'"), IsOk());
  CycleAndExpect("late", "populate");
  EXPECT_EQ(mirror_["late"].rows.size(), 1U);
}

TEST_F(PostgresHistoryTest, WhatWasWrittenWhileATableWasPublishedOtherwiseIsWaitedFor) {
  Start();
  const std::string publication = "ALTER PUBLICATION _mirror_cust ";
  const std::vector<std::pair<std::string, std::string>> moves = {
      {"DROP TABLE t", "ADD TABLE t"},
      {"SET (publish = 'delete')", "SET (publish = 'insert, update, delete, truncate')"}};
  const auto other = Session();
  for (const auto& [away, back] : moves) {
    SCOPED_TRACE(away);
    Sql(publication + away);
    ASSERT_THAT(
        other->Execute("BEGIN; INSERT INTO t SELECT max(id) + 1, 'late' FROM t; UPDATE t SET a = a || "
                       "'!' WHERE id = 7; PREPARE TRANSACTION 'late'"),
        IsOk());
    Sql(publication + back);
    snapshot_wait_ms_ = 50;
    Close();
    Cycle();
    EXPECT_THAT(mirror_["t"].action, HasSubstr("open transactions"));
    ASSERT_THAT(other->Execute("COMMIT PREPARED 'late'"), IsOk());
    CycleAndExpect("t", "compare");
    CycleAndExpect("t", "nothing");
  }
}

TEST_F(PostgresHistoryTest, ATableOfWhichLittleIsKnownAndThatIsEmptiedThenIsPopulated) {
  Sql("CREATE TABLE p(id int PRIMARY KEY, a text) PARTITION BY RANGE (id); "
      "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); "
      "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (100); "
      "INSERT INTO p SELECT i, 'a' FROM generate_series(1, 50) i");
  Install();
  Cycle();
  Sql("TRUNCATE p1");
  ASSERT_THAT(staging_->StageToMarker(nullptr), IsOk());
  Sql("TRUNCATE p; INSERT INTO p VALUES (3, 'after')");
  CycleAndExpect("p", "populate");
  EXPECT_EQ(standing_["p"], Standing::kEmptied);
  CycleAndExpect("p", "nothing");
}

TEST_F(PostgresHistoryTest, ALogThatWentBackIsConfirmedFromThereOn) {
  Start();
  KeepCopy();
  Sql("SELECT pg_switch_wal(); UPDATE t SET a = 'of the future' WHERE id < 50");
  CycleAndExpect("t", "changes");
  server_->Stop();
  // The process goes on.
  std::filesystem::remove_all(server_->data());
  ASSERT_EQ(std::system(absl::StrCat("cp -a ", server_->folder(), "/copy ", server_->data()).c_str()), 0);
  ASSERT_THAT(server_->StartAgain(), IsOk());
  Connect();
  ASSERT_TRUE(Until([this] { return TryCycle().ok(); }));
  EXPECT_EQ(mirror_["t"].action, "populate");
  const std::string confirmed =
      absl::StrCat("SELECT confirmed_flush_lsn - '0/0'::pg_lsn >= ", mirror_["t"].position.lsn.value,
                   " FROM pg_replication_slots WHERE slot_name = '_mirror_cust'");
  EXPECT_TRUE(Until([&] { return IsTrue(confirmed); }));
}

TEST_F(PostgresHistoryTest, OnlyCommitsOfTheApplicationToLoggedTablesAskForACycle) {
  Start();
  CycleAndExpect("t", "nothing");
  CommitSignal& commits = staging_->commits();
  const auto is_asked = [&commits] { return commits.Wait(std::chrono::nanoseconds(0), {}); };
  // StageToMarker() returns after all earlier commits were read.
  const auto is_asked_after = [&](const std::string& sql) {
    Sql(sql);
    EXPECT_THAT(staging_->StageToMarker(nullptr), IsOk());
    return is_asked();
  };
  EXPECT_FALSE(is_asked()) << "the cycle took everything";
  EXPECT_FALSE(is_asked_after("SELECT 1")) << "the agent's own position";
  EXPECT_FALSE(is_asked_after("CREATE SCHEMA aside; CREATE TABLE aside.other(id int PRIMARY KEY)"));
  EXPECT_FALSE(is_asked_after("INSERT INTO aside.other VALUES (1)")) << "it is not published";
  EXPECT_FALSE(is_asked_after("BEGIN; UPDATE t SET a = 'gone' WHERE id = 1; ROLLBACK"));
  EXPECT_TRUE(is_asked_after("UPDATE t SET a = 'typed' WHERE id = 1"));
  CycleAndExpect("t", "changes");
  EXPECT_FALSE(is_asked());
  EXPECT_TRUE(is_asked_after("TRUNCATE t"));
  Cycle();
  EXPECT_FALSE(is_asked());
  Sql("ALTER TABLE t ADD COLUMN late int");
  EXPECT_TRUE(is_asked_after("INSERT INTO t(id, late) VALUES (1, 2)")) << "a row of another definition";
  Cycle();
  // Without a marker.
  const auto begun = std::chrono::steady_clock::now();
  Sql("INSERT INTO t(id) VALUES (2)");
  EXPECT_TRUE(commits.Wait(std::chrono::seconds(60), {}));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(60)) << "it was woken";
}

TEST_F(PostgresHistoryTest, ASlotThatWasLostAsksForACycle) {
  Start();
  CycleAndExpect("t", "nothing");
  CommitSignal& commits = staging_->commits();
  EXPECT_FALSE(commits.Wait(std::chrono::nanoseconds(0), {}));
  // The staging thread may connect again between the two statements.
  ASSERT_TRUE(Until([this] {
    return connection_
        ->Execute(absl::StrCat(kLetGoOfSlot, "; SELECT pg_drop_replication_slot('_mirror_cust')"))
        .ok();
  }));
  EXPECT_TRUE(commits.Wait(std::chrono::seconds(60), {}));
  CycleAndExpect("t", "compare");
  EXPECT_FALSE(commits.Wait(std::chrono::nanoseconds(0), {}));
}

TEST_F(PostgresHistoryTest, UnderASteadyLoadTheLogIsConfirmedWithoutACycle) {
  options_.mark_bytes = 1;
  options_.mark_within = options_.flush_within = std::chrono::milliseconds(50);
  Start();
  ASSERT_THAT(staging_->StageToMarker(nullptr), IsOk());
  const std::int64_t before = staging_->counts().confirmed_lsn;
  std::atomic<bool> done = false;
  std::thread writer([&] {
    const auto session = Session();
    while (!done) (void)session->Execute("UPDATE t SET a = 'steady' WHERE id = 7");
  });
  // Two of them: the first may have been asked for while nothing came yet.
  const bool confirmed = Until([&] { return staging_->counts().changes > 200; }) &&
                         Until([&] { return staging_->counts().confirmed_lsn > before; });
  const std::int64_t first = staging_->counts().confirmed_lsn;
  EXPECT_TRUE(confirmed && Until([&] { return staging_->counts().confirmed_lsn > first; }));
  done = true;
  writer.join();
}

TEST_F(PostgresHistoryTest, APublicationThatIsMadeAnewIsCompared) {
  Start();
  for (const bool ends : {true, false}) {
    if (ends) Close();
    Sql("DROP PUBLICATION _mirror_cust; UPDATE t SET a = a || '.' WHERE id < 5");
    Install();
    Sql("UPDATE t SET a = a || '!' WHERE id = 9");
    CycleAndExpect("t", "compare");
    Sql("UPDATE t SET a = 'seen' WHERE id = 8");
    CycleAndExpect("t", "changes");
  }
}

TEST_F(PostgresHistoryTest, WithoutAPublicationNoSlotIsMade) {
  Start();
  Sql("SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots; DROP PUBLICATION "
      "_mirror_cust");
  // The staging thread may connect again between the two statements.
  ASSERT_TRUE(Until([this] {
    return connection_
        ->Execute(
            "SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots WHERE active; "
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
        .ok();
  }));
  EXPECT_THAT(staging_->StageToMarker(nullptr).status().message(), HasSubstr("no publication"));
  EXPECT_TRUE(IsTrue("SELECT count(*) = 0 FROM pg_replication_slots"));
}

}  // namespace
}  // namespace mirror::postgres_log_history_test
