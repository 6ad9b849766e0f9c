#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "client/source/sqlite/log/net_changes.h"
#include "tests/client/source/logged_source.h"

namespace mirror::busy_source_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// Calls `on_part` once, when the first piece of a value comes: rows that are too long for one statement are
/// read behind the look that found them.
class Interrupted : public Pieces {
 public:
  absl::Status Part(std::uint32_t column, std::uint64_t value_id, std::uint64_t offset,
                    std::string_view data) override {
    if (on_part) std::exchange(on_part, nullptr)();
    return Pieces::Part(column, value_id, offset, data);
  }
  std::function<void()> on_part;
};

/// A source that is written while it is read. The parameter is its journal mode.
class BusySourceTest : public LoggedSource, public testing::WithParamInterface<std::string> {
 protected:
  void StartWith(const std::string& sql) {
    app_->Run("PRAGMA journal_mode = " + GetParam());
    Start(sql);
  }
  bool wal() const { return GetParam() == "WAL"; }
  std::string LastRecord() {
    return Ask(app_->handle(), "SELECT token FROM _mirror_lineage ORDER BY id DESC LIMIT 1").at(0);
  }
  static std::string Rows(std::int64_t from, std::int64_t to) {
    return absl::StrCat("WITH RECURSIVE n(i) AS (SELECT ", from, " UNION ALL SELECT i + 1 FROM n WHERE i < ",
                        to, ") INSERT INTO t SELECT i, 0 FROM n;");
  }
};

INSTANTIATE_TEST_SUITE_P(Modes, BusySourceTest, testing::Values("WAL", "DELETE", "TRUNCATE"),
                         [](const auto& test) { return test.param; });

TEST_P(BusySourceTest, AWriterIsNeverRefused) {
  StartWith(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, v); CREATE TABLE n(a, b); CREATE TABLE total(id INTEGER "
      "PRIMARY KEY, v); "
      "INSERT INTO total VALUES (1, 0); INSERT INTO n VALUES (1, 1);" +
      Rows(1, 20'000));
  std::atomic<bool> enough = false;
  std::atomic<int> written = 0, refused = 0;
  std::thread writer([&] {
    Application app(path_);
    sqlite3_busy_timeout(app.handle(), 1'000);
    for (int i = 1; !enough || i < 200; ++i) {
      const std::string at = std::to_string(i * 37 % 20'000 + 1);
      const std::string sql = "BEGIN IMMEDIATE; UPDATE t SET v = v + 1 WHERE id = " + at +
                              "; UPDATE total SET v = v + 1; DELETE FROM t WHERE id = 30000 + " + at +
                              "; INSERT OR REPLACE INTO t VALUES (30000 + " + at + " % 11, 0); COMMIT";
      if (app.Try(sql) != SQLITE_OK) {
        ++refused;
        app.Try("ROLLBACK");
      }
      ++written;
    }
  });
  size_.bytes = 20'000;
  for (int i = 0; i < 4; ++i) {
    if (i % 2 == 0) model_["t"].position = {};
    // On a busy machine the writer may have had no turn since the last round. One that ends now may be older.
    const int seen = written;
    const auto patience = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (written < seen + 2 && std::chrono::steady_clock::now() < patience) std::this_thread::yield();
    Open();
    Sent sent;
    const absl::Status status = SendTable("t", &sent);
    EXPECT_TRUE(status.ok() || absl::IsAborted(status)) << status;
    EXPECT_EQ(sent.action, i % 2 == 0 ? "populate" : "changes");
    retention_ms_ = -1'000;
    Forget();
  }
  enough = true;
  writer.join();
  EXPECT_EQ(refused, 0) << "of " << written;
  EXPECT_GE(written, 200);
  Cycle();
  ExpectEqual();
}

TEST_P(BusySourceTest, TheLastPieceIsOneMoment) {
  // Each transaction of the application keeps the sum; a state between two of them has another.
  StartWith("CREATE TABLE t(id INTEGER PRIMARY KEY, v);" + Rows(1, 9'000));
  int moved = 0;
  const auto move = [&] {
    for (int i = 0; i < 40; ++i, ++moved) {
      app_->Run(absl::StrCat("BEGIN; UPDATE t SET v = v - 1 WHERE id = ", moved * 53 % 9'000 + 1,
                             "; UPDATE t SET v = v + 1 WHERE id = ", moved * 91 % 9'000 + 1, "; COMMIT"));
    }
  };
  const auto sum = [&] {
    std::int64_t all = 0;
    for (const auto& [key, row] : model_["t"].rows) all += std::stoll(row.at("v").substr(2));
    return all;
  };
  for (const bool whole : {false, true, false}) {
    if (whole) model_["t"].position = {};
    for (int i = 0; i < 80; ++i) move();
    int budget = 60;
    between_ = [&] {
      if (budget-- > 0) move();
    };
    size_.bytes = 30'000;
    Open();
    Sent sent;
    EXPECT_THAT(SendTable("t", &sent), IsOk());
    between_ = nullptr;
    EXPECT_GT(sent.pieces, 2);
    EXPECT_EQ(sum(), 0);
    EXPECT_EQ(model_["t"].rows.size(), 9'000U);
  }
  Cycle();
  ExpectEqual();
}

TEST_P(BusySourceTest, MoreThanOneLookOfEntriesTakesSeveralRounds) {
  StartWith("CREATE TABLE t(id INTEGER PRIMARY KEY, v)");
  app_->Run(Rows(1, 3 * kOneLookEntries) + "DELETE FROM t WHERE id % 3 = 0;");
  int writes = 0;
  between_ = [&] {
    if (writes++ < 10)
      app_->Run(absl::StrCat("UPDATE t SET v = 1 WHERE id = ", writes,
                             "; DELETE FROM t WHERE id = ", 100 * writes + 1));
  };
  Open();
  Sent sent;
  EXPECT_THAT(SendTable("t", &sent), IsOk());
  between_ = nullptr;
  EXPECT_EQ(writes > 1, !wal());
  if (!wal()) ExpectEqual();  // It went on until nothing had changed.
  Cycle();
  ExpectEqual();
}

TEST_P(BusySourceTest, AWriterThatNeverRestsEndsTheRounds) {
  StartWith("CREATE TABLE t(id INTEGER PRIMARY KEY, v)");
  app_->Run(Rows(1, kOneLookEntries + 1));
  int writes = 0;
  between_ = [&] {
    ASSERT_LT(++writes, 10'000);
    app_->Run("UPDATE t SET v = v + 1");  // Always more than one look.
  };
  Open();
  Sent sent;
  EXPECT_THAT(SendTable("t", &sent), IsOk());
  between_ = nullptr;
  Cycle();
  ExpectEqual();
}

TEST_P(BusySourceTest, RowCountIsThatOfTheLastMoment) {
  StartWith("CREATE TABLE t(id INTEGER PRIMARY KEY, v);" + Rows(1, 10));
  After("DELETE FROM t WHERE id < 4");
  EXPECT_EQ(row_count_, 7U);
}

TEST_P(BusySourceTest, ATableWithoutAKeyIsOfOneMoment) {
  StartWith("CREATE TABLE t(a, b);" + Rows(1, 5'000));
  int writes = 0;
  app_->Run("UPDATE t SET b = 1");
  between_ = [&] {
    ++writes;
    app_->Run("UPDATE t SET b = b + 1; INSERT INTO t VALUES (9, 9); DELETE FROM t WHERE a = 9 AND b = 9");
  };
  size_.rows = 1'000;
  Open();
  Sent sent;
  // Where writers wait for a look, and never rest, a copy is read in the end.
  for (int moves = 0; !wal() && moves < kMovesBeforeCopy; ++moves) {
    EXPECT_THAT(SendTable("t", &sent), StatusIs(absl::StatusCode::kAborted, HasSubstr("read at one moment")));
    Look();
  }
  EXPECT_THAT(SendTable("t", &sent), IsOk());
  between_ = nullptr;
  EXPECT_GT(writes, 1);
  std::set<std::string> values;
  for (const auto& [key, row] : model_["t"].rows) values.insert(row.at("b"));
  EXPECT_EQ(values.size(), 1U);
  Cycle();
  ExpectEqual();
}

TEST_P(BusySourceTest, WhatATableWithoutAKeyShowedIsInTheRecordOfItsCommit) {
  StartWith("CREATE TABLE t(a, b); INSERT INTO t VALUES (1, 1)");
  app_->Run("UPDATE t SET b = 2");
  // Committed between the cycle's record and its first row: a backup from before knows the record.
  std::string token;
  between_ = [&] {
    if (!token.empty()) return;
    token = Ask(app_->handle(), "SELECT token FROM _mirror_lineage ORDER BY id DESC LIMIT 1").at(0);
    app_->Run("UPDATE t SET b = 3");
  };
  Open();
  Sent sent;
  EXPECT_THAT(SendTable("t", &sent), IsOk());
  between_ = nullptr;
  ExpectEqual();
  EXPECT_THAT(token, Not(HasSubstr(model_["t"].position.lineage)));
}

TEST_P(BusySourceTest, ARowTooLongForOneStatementIsOfTheMomentOfItsTable) {
  StartWith("CREATE TABLE t(a, b); CREATE TABLE o(x)");
  app_->Run("INSERT INTO t VALUES (1, zeroblob(9000000)), (2, 'last')");
  for (const std::string beside : {"INSERT INTO o VALUES (1)", "DELETE FROM t WHERE a = 2"}) {
    Open();
    const auto targets = log_->Begin({"t"}, 0);
    ASSERT_THAT(targets, IsOk());
    auto rows = reader_->Read("t", AllColumns(model_["t"].schema));
    ASSERT_THAT(rows, IsOk());
    Interrupted pieces;
    std::string record;
    pieces.on_part = [&] {
      record = LastRecord();
      app_->Run(beside);
    };
    absl::StatusOr<bool> more = true;
    while (more.ok() && *more) {
      RowBlock block = RowBlock::ForAll(model_["t"].schema);
      more = (*rows)->Next(size_, &block, &pieces);
    }
    ASSERT_FALSE(record.empty());
    if (beside[0] == 'D' && !wal()) {
      // What is read after it would be beside what was read before it.
      EXPECT_THAT(more.status(), StatusIs(absl::StatusCode::kAborted, HasSubstr("read at one moment")));
      continue;
    }
    ASSERT_THAT(more, IsOk());
    // A backup of the moment in which it was read knows `record`, and not what its commit carries.
    const absl::StatusOr<Position> sealed = (*rows)->Seal(targets->at("t"));
    ASSERT_THAT(sealed, IsOk());
    EXPECT_THAT(record, Not(HasSubstr(sealed->lineage)));
  }
}

TEST_P(BusySourceTest, AChangedRowTooLongForOneStatementIsBehindItsRecord) {
  StartWith("CREATE TABLE t(id INTEGER PRIMARY KEY, v);" + Rows(1, 300));
  app_->Run("UPDATE t SET v = 1; UPDATE t SET v = zeroblob(9000000) WHERE id = 300");
  size_.rows = 100;
  Open();
  ASSERT_THAT(log_->Begin({"t"}, 0), IsOk());
  const ModelTable& table = model_["t"];
  const auto changes = reader_->Changes("t", table.position.lsn, AllColumns(table.schema), false, false, {});
  ASSERT_THAT(changes, IsOk());
  Interrupted pieces;
  std::string record;
  pieces.on_part = [&] {
    record = LastRecord();
    app_->Run("UPDATE t SET v = randomblob(9000000) WHERE id = 300");
  };
  absl::StatusOr<ChangePiece> piece;
  do {
    const bool before = record.empty();
    piece = (*changes)->Next(size_, &pieces);
    ASSERT_THAT(piece, IsOk());
    if (!before || record.empty()) continue;
    EXPECT_THAT(record, Not(HasSubstr(piece->target.lineage))) << "older than what it carries";
    EXPECT_FALSE(piece->last) << "it is not of one moment";
  } while (!piece->last);
  EXPECT_FALSE(record.empty());
}

TEST_P(BusySourceTest, ALongValueThatGetsShorterWhileItIsReadIsReadAgain) {
  StartWith("CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 0)");
  for (const std::string change :
       {"UPDATE t SET v = zeroblob(5000000)", "UPDATE t SET v = NULL", "UPDATE t SET id = id + 1"}) {
    app_->Run("UPDATE t SET v = zeroblob(9000000)");
    Open();
    ASSERT_THAT(log_->Begin({"t"}, 0), IsOk());
    const ModelTable& table = model_["t"];
    const auto changes =
        reader_->Changes("t", table.position.lsn, AllColumns(table.schema), false, false, {});
    ASSERT_THAT(changes, IsOk());
    Interrupted pieces;
    pieces.on_part = [&] { app_->Run(change); };
    EXPECT_THAT((*changes)->Next(size_, &pieces),
                StatusIs(absl::StatusCode::kAborted, HasSubstr("table 't' changed while it was read")))
        << change;
    Cycle();
    ExpectEqual();
  }
}

TEST_P(BusySourceTest, ADefinitionThatChangesEndsTheTableForThisCycle) {
  StartWith("CREATE TABLE t(id INTEGER PRIMARY KEY, v);" + Rows(1, 10));
  app_->Run("UPDATE t SET v = 5");
  int altered = 0;
  between_ = [&] {
    if (altered++ == 0) app_->Run("ALTER TABLE t ADD COLUMN w");
  };
  EXPECT_EQ(Cycle()["t"].action, "changes");
  EXPECT_THAT(aborted_, ElementsAre(HasSubstr("its schema changed")));
  ExpectEqual();
}

TEST_P(BusySourceTest, OtherObjectsComeAndGoWhileATableIsRead) {
  StartWith("CREATE TABLE t(id INTEGER PRIMARY KEY, v); CREATE TABLE o(x);" + Rows(1, 9'000));
  for (const bool whole : {true, false}) {
    if (whole) model_["t"].position = {};
    app_->Run("UPDATE t SET v = v + 1");
    int made = 0;
    between_ = [&] {
      if (++made > 40) return;
      app_->Run(absl::StrCat(
          "CREATE TABLE scratch(x, y REFERENCES t); CREATE INDEX i ON scratch(x); CREATE VIEW w AS "
          "SELECT * FROM t JOIN o; CREATE TRIGGER r AFTER INSERT ON o BEGIN DELETE FROM scratch; "
          "END; ALTER TABLE scratch RENAME COLUMN x TO z; UPDATE t SET v = v + 1 WHERE id = ",
          made * 171));
      if (made % 3 != 0) app_->Run("DROP TRIGGER r; DROP VIEW w; DROP TABLE scratch");
      if (made % 3 == 0)
        app_->Run("DROP VIEW w; DROP TRIGGER r; ALTER TABLE scratch RENAME TO s; DROP TABLE s");
    };
    size_.bytes = 20'000;
    Open();
    Sent sent;
    EXPECT_THAT(SendTable("t", &sent), IsOk());
    between_ = nullptr;
    EXPECT_GT(sent.pieces, 3);
    EXPECT_GT(made, 3);
  }
  Cycle();
  ExpectEqual();
  EXPECT_THAT(aborted_, IsEmpty());
}

TEST_P(BusySourceTest, ATableThatIsMadeAnewWhileItIsReadIsReadAgain) {
  StartWith("CREATE TABLE t(id INTEGER PRIMARY KEY, v);" + Rows(1, 9'000));
  std::string triggers;
  for (const std::string& row :
       Ask(app_->handle(), "SELECT sql || ';' AS s FROM sqlite_schema WHERE type = 'trigger'")) {
    triggers += row.substr(4);
  }
  model_["t"].position = {};
  int made = 0;
  between_ = [&] {
    if (++made != 3) return;
    app_->Run(
        "BEGIN; CREATE TABLE kept AS SELECT * FROM t; DROP TABLE t; CREATE TABLE t(id INTEGER PRIMARY KEY, "
        "v); "
        "INSERT INTO t SELECT id, v + 5 FROM kept; DROP TABLE kept;" +
        triggers + "COMMIT");
  };
  size_.bytes = 20'000;
  EXPECT_EQ(Cycle()["t"].action, "populate");
  EXPECT_THAT(aborted_, ElementsAre(HasSubstr("its schema changed")));
  ExpectEqual();
}

TEST_P(BusySourceTest, AVacuumOfATableThatIsReadByItsHiddenRowidIsSeen) {
  StartWith("CREATE TABLE t(k TEXT COLLATE NOCASE PRIMARY KEY, v);" + Rows(1, 9'000));
  app_->Run("DELETE FROM t WHERE rowid < 4000 AND rowid % 2 = 0");
  model_["t"].position = {};
  int made = 0;
  between_ = [&] {
    if (++made == 3) app_->Run("VACUUM");
  };
  size_.bytes = 20'000;
  EXPECT_EQ(Cycle()["t"].action, "populate");
  EXPECT_THAT(aborted_, ElementsAre(HasSubstr("VACUUM")));
  ExpectEqual();
}

TEST_P(BusySourceTest, ASourceThatIsRestoredToAStateOfThisCycleIsReadAgain) {
  StartWith("CREATE TABLE t(id INTEGER PRIMARY KEY, v);" + Rows(1, 9'000));
  const auto copy = [](sqlite3* from, sqlite3* to) {
    sqlite3_backup* backup = sqlite3_backup_init(to, "main", from, "main");
    ASSERT_NE(backup, nullptr);
    EXPECT_EQ(sqlite3_backup_step(backup, -1), SQLITE_DONE);
    sqlite3_backup_finish(backup);
  };
  Application backup(folder_ / "backup.db");
  model_["t"].position = {};
  int made = 0;
  between_ = [&] {
    ++made;
    if (made == 1) copy(app_->handle(), backup.handle());  // The record of this cycle is in it.
    if (made == 2) app_->Run("UPDATE t SET v = 7 WHERE id BETWEEN 1500 AND 1600");
    if (made != 5) return;
    // What was read of those rows is gone, and as many entries are in the log again.
    copy(backup.handle(), app_->handle());
    for (int i = 0; i < 150; ++i) app_->Run("UPDATE t SET v = 9 WHERE id = 8000");
  };
  size_.bytes = 20'000;
  EXPECT_EQ(Cycle()["t"].action, "populate");
  EXPECT_THAT(aborted_, ElementsAre(HasSubstr("was restored")));
  ExpectEqual();
}

TEST_P(BusySourceTest, AReaderOfTheApplicationDisturbsNothing) {
  StartWith("CREATE TABLE t(id INTEGER PRIMARY KEY, v);" + Rows(1, 10));
  app_->Run("UPDATE t SET v = 5");
  Application reader(path_);
  // With a rollback journal nobody could write beside an open one.
  reader.Run(wal() ? "BEGIN; SELECT count(*) FROM t" : "SELECT count(*) FROM t");
  EXPECT_EQ(Cycle()["t"].action, "changes");
  ExpectEqual();
  EXPECT_THAT(aborted_, IsEmpty());
}

}  // namespace
}  // namespace mirror::busy_source_test
