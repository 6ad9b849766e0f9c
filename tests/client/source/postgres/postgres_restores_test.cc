// What becomes of a mirror when the server of its source is recovered, promoted, killed, or loses what it
// kept.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "tests/client/source/postgres/postgres_log_source.h"

namespace mirror::postgres_restores_test {
namespace {

using testing::HasSubstr;

class PostgresRestoresTest : public PostgresLogTest {
 protected:
  void Start() {
    Sql("CREATE TABLE t(id int PRIMARY KEY, a text); INSERT INTO t SELECT i, 'a' || i FROM "
        "generate_series(1, "
        "200) i");
    Install();
    Cycle();
  }
  std::string AllNotes() { return absl::StrJoin(notes_, "\n"); }
  /// From here on every part of the server's log is kept, for a copy that is recovered.
  void KeepLog() {
    Sql("ALTER SYSTEM SET archive_mode = on");
    Sql(absl::StrCat("ALTER SYSTEM SET archive_command = 'cp %p ", server_->data(), "_kept_%f'"));
    Close();
    server_->Stop();
    StartAgain();
  }
  /// The copy, recovered up to where `target` says, on a timeline of its own. As any base backup it has no
  /// slots.
  void RecoverCopy(const std::string& target) {
    Sql("SELECT pg_switch_wal()");
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!connection_
                ->Number("SELECT count(*) FROM pg_stat_archiver WHERE last_archived_wal >= "
                         "pg_walfile_name(pg_current_wal_lsn() - 1)")
                .value_or(0)) {
      ASSERT_LT(std::chrono::steady_clock::now(), until) << "the log is not kept";
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    PutCopyBack([this, &target] {
      std::filesystem::remove_all(server_->data() + "/pg_replslot/_mirror_cust");
      CopyFiles(server_->data() + "/PG_VERSION", server_->data() + "/recovery.signal");
      std::ofstream(server_->data() + "/postgresql.auto.conf", std::ios::app)
          << "\nrestore_command = 'cp " << server_->data() << "_kept_%f %p'\n"
          << target << "\nrecovery_target_action = 'promote'\n";
    });
    const auto recovered = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (connection_->Number("SELECT pg_is_in_recovery()::int").value_or(1) != 0) {
      ASSERT_LT(std::chrono::steady_clock::now(), recovered) << server_->Log();
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
};

TEST_F(PostgresRestoresTest, APointInTimeRecoveryIsCompared) {
  Start();
  KeepLog();
  KeepCopy();
  Sql("UPDATE t SET a = 'kept' WHERE id < 20");
  CycleAndExpect("t", "changes");
  Sql("SELECT pg_create_restore_point('here')");
  Sql("UPDATE t SET a = 'given up' WHERE id > 150; INSERT INTO t VALUES (1000, 'given up'); DELETE FROM t "
      "WHERE id = 1");
  CycleAndExpect("t", "changes");
  RecoverCopy("recovery_target_name = 'here'");
  EXPECT_EQ(connection_->Number("SELECT count(*) FROM t WHERE a = 'kept'").value_or(-1), 19);
  EXPECT_EQ(connection_->Number("SELECT count(*) FROM t WHERE a = 'given up'").value_or(-1), 0);
  CycleAndExpect("t", "compare");
  EXPECT_THAT(AllNotes(), HasSubstr("recovered"));
  Sql("UPDATE t SET a = 'goes on' WHERE id = 5");
  CycleAndExpect("t", "changes");
  EXPECT_EQ(connection_->Number("SELECT count(*) FROM pg_replication_slots").value_or(-1), 1);
}

TEST_F(PostgresRestoresTest, AServerThatWasPromotedAThousandCommitsBehindIsCompared) {
  Start();
  KeepLog();
  KeepCopy();
  Sql("UPDATE t SET a = 'replayed' WHERE id < 20");
  const auto end = connection_->Command("SELECT pg_current_wal_insert_lsn()::text");
  ASSERT_THAT(end, IsOk());
  for (int i = 0; i < 1'000; ++i) Sql(absl::StrCat("UPDATE t SET a = 'lost' WHERE id = ", i % 200 + 1));
  CycleAndExpect("t", "changes");
  RecoverCopy(absl::StrCat("recovery_target_lsn = '", end->Text(0, 0), "'"));
  EXPECT_LT(connection_->Number("SELECT count(*) FROM t WHERE a = 'lost'").value_or(-1), 2);
  CycleAndExpect("t", "compare");
  CycleAndExpect("t", "nothing");
}

TEST_F(PostgresRestoresTest, AStandbyThatIsPromotedWithAllOfItIsCompared) {
  Start();
  Sql("UPDATE t SET a = 'replayed' WHERE id < 20");
  CycleAndExpect("t", "changes");
  Close();
  Sql("UPDATE t SET a = 'not sent yet' WHERE id > 180");
  ASSERT_THAT(server_->StartAsStandby(), IsOk());
  Connect();
  EXPECT_FALSE(TryCycle().ok()) << "a standby takes no position";
  Close();
  server_->Stop();
  // A standby of PostgreSQL 15 has no logical slots.
  std::filesystem::remove_all(server_->data() + "/pg_replslot/_mirror_cust");
  StartAgain();
  EXPECT_EQ(connection_->Number("SELECT pg_promote()::int").value_or(-1), 1);
  CycleAndExpect("t", "compare");
  EXPECT_THAT(AllNotes(), HasSubstr("promoted"));
  Sql("UPDATE t SET a = 'goes on' WHERE id = 5");
  CycleAndExpect("t", "changes");
}

TEST_F(PostgresRestoresTest, ASlotThatTheServerGaveUpIsMadeAnewAndCompared) {
  Start();
  Close();
  Sql("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'");
  Sql("SELECT pg_reload_conf()");
  Sql("UPDATE t SET a = 'unseen' WHERE id = 7");
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (connection_->Number("SELECT count(*) FROM pg_replication_slots WHERE wal_status = 'lost'")
             .value_or(0) == 0) {
    ASSERT_LT(std::chrono::steady_clock::now(), until);
    Sql("SELECT pg_logical_emit_message(false, 'x', repeat('x', 600000)), pg_switch_wal()");
    Sql("CHECKPOINT");
  }
  CycleAndExpect("t", "compare");
  EXPECT_THAT(AllNotes(), HasSubstr("max_slot_wal_keep_size"));
  EXPECT_THAT(AllNotes(), HasSubstr("compared"));
  Sql("UPDATE t SET a = 'seen' WHERE id = 8");
  CycleAndExpect("t", "changes");
}

TEST_F(PostgresRestoresTest, APublicationThatIsMadeAnewIsCompared) {
  Start();
  Sql("DROP PUBLICATION _mirror_cust; UPDATE t SET a = 'unseen' WHERE id = 7");
  EXPECT_THAT(TryCycle(), testing::Not(IsOk())) << "nothing is sent while there is none";
  Close();
  Install();
  Sql("UPDATE t SET a = 'seen' WHERE id = 8");
  CycleAndExpect("t", "compare");
  Sql("UPDATE t SET a = 'seen, too' WHERE id = 9");
  CycleAndExpect("t", "changes");
}

TEST_F(PostgresRestoresTest, AServerThatIsKilledWhileItsLogIsReadGoesOn) {
  Start();
  for (int round = 0; round < 3; ++round) {
    Sql(absl::StrCat("INSERT INTO t SELECT ", round + 1,
                     " * 100000 + i, repeat('x', 200) FROM generate_series(1, 20000) i"));
    std::thread killer([this] { server_->Kill(); });
    const absl::Status cycle = TryCycle();
    killer.join();
    EXPECT_TRUE(cycle.ok() || absl::IsUnavailable(cycle) || absl::IsDeadlineExceeded(cycle)) << cycle;
    StartAgain();
    Cycle();
    EXPECT_THAT(mirror_["t"].action, testing::AnyOf("changes", "nothing"));
    ExpectEqual();
  }
}

TEST_F(PostgresRestoresTest, ADefinitionThatChangesWhileRowsAreReadEndsEqual) {
  Start();
  for (const std::string ddl :
       {"ALTER TABLE t ADD c int; UPDATE t SET c = id", "ALTER TABLE t ALTER a TYPE text USING a || '!'",
        "ALTER TABLE t DROP c", "ALTER TABLE t ADD d text DEFAULT 'x'",
        "ALTER TABLE t RENAME d TO e; UPDATE t SET e = 'y' WHERE id < 9"}) {
    mirror_.clear();
    std::thread changes;
    amid_ = [&] {
      // Who reads holds the table: the change waits until the reading is over, or is broken off for it.
      changes = std::thread([&] {
        const auto session = Session();
        EXPECT_THAT(session->Execute(ddl), IsOk()) << ddl;
      });
    };
    Cycle();
    changes.join();
    for (int i = 0; i < 4; ++i) Cycle();
    EXPECT_EQ(mirror_["t"].action, "nothing") << ddl;
    ExpectEqual();
  }
}

}  // namespace
}  // namespace mirror::postgres_restores_test
