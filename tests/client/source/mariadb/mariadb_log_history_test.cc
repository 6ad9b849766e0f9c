// What a MariaDB database's binlog says of positions, and what cycles bring to a mirror by it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <thread>

#include "tests/client/source/mariadb/mariadb_log_source.h"

namespace mirror::mariadb_log_history_test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Key;

class MariadbHistory : public MariadbLogTest {
 protected:
  void Start() {
    Sql("CREATE TABLE t (id INT PRIMARY KEY, a TEXT, n DECIMAL(10,2))",
        "INSERT INTO t SELECT seq, CONCAT('a', seq), seq FROM seq_1_to_100");
    Cycle();
  }
};

TEST_F(MariadbHistory, ATableIsPopulatedAndThenFollowed) {
  Start();
  EXPECT_EQ(mirror_["t"].action, "populate");
  ExpectEqual();
  CycleAndExpect("t", "nothing");
  Sql("UPDATE t SET a = 'b' WHERE id < 10", "DELETE FROM t WHERE id > 90",
      "INSERT INTO t VALUES (1000, NULL, 0.5)", "UPDATE t SET id = id + 2000 WHERE id = 50");
  CycleAndExpect("t", "changes");
  CycleAndExpect("t", "nothing");
}

TEST_F(MariadbHistory, OnlyCommitsToTablesOfTheSourceAskForACycle) {
  Sql("CREATE DATABASE IF NOT EXISTS elsewhere", "CREATE OR REPLACE TABLE elsewhere.t (id INT PRIMARY KEY)");
  Start();
  CycleAndExpect("t", "nothing");
  CommitSignal& commits = staging_->commits();
  const auto is_asked = [&commits] { return commits.Wait(std::chrono::nanoseconds(0), {}); };
  // StageToMarker() returns after all earlier groups were read.
  const auto is_asked_after = [&](const std::string& sql) {
    Sql(sql);
    EXPECT_THAT(staging_->StageToMarker(nullptr), IsOk());
    return is_asked();
  };
  EXPECT_FALSE(is_asked()) << "the cycle took everything";
  EXPECT_FALSE(is_asked_after("INSERT INTO elsewhere.t VALUES (1)"));
  EXPECT_FALSE(is_asked_after("CREATE TABLE other (id INT PRIMARY KEY)"));
  EXPECT_FALSE(is_asked_after("INSERT INTO other VALUES (1)")) << "no cycle knows it yet";
  EXPECT_FALSE(is_asked_after("UPDATE t SET a = a WHERE id = 1")) << "it changes nothing";
  EXPECT_TRUE(is_asked_after("UPDATE t SET a = 'typed' WHERE id = 1"));
  CycleAndExpect("t", "changes");
  EXPECT_FALSE(is_asked());
  EXPECT_TRUE(is_asked_after("TRUNCATE TABLE t"));
  Cycle();
  EXPECT_FALSE(is_asked());
  EXPECT_TRUE(is_asked_after("ALTER TABLE t ADD COLUMN late INT")) << "the binlog tells of definitions";
  Cycle();
  // Without a position that is asked for.
  const auto begun = std::chrono::steady_clock::now();
  Sql("INSERT INTO t(id) VALUES (2)");
  EXPECT_TRUE(commits.Wait(std::chrono::seconds(60), {}));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(60)) << "it was woken";
}

TEST_F(MariadbHistory, AnotherProcessGoesOnWhereTheFirstOneEnded) {
  Start();
  const std::string id = log_->source_id();
  Close();
  Sql("UPDATE t SET a = 'while away' WHERE id = 5");
  CycleAndExpect("t", "changes");
  EXPECT_EQ(log_->source_id(), id);
}

TEST_F(MariadbHistory, WhatIsStagedBeforeTheFirstLookAtTheCatalogsCounts) {
  Start();
  Close();
  Sql("UPDATE t SET a = 'one' WHERE id = 5", "FLUSH BINARY LOGS", "UPDATE t SET a = 'two' WHERE id = 6",
      "FLUSH BINARY LOGS");
  ASSERT_THAT(Open(), IsOk());
  // The thread has read on before anybody asks for tables.
  ASSERT_THAT(log_->Refresh(), IsOk());
  CycleAndExpect("t", "changes");
}

TEST_F(MariadbHistory, WhatChangesWhileItIsPopulatedFollows) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, a TEXT)",
      "INSERT INTO t SELECT seq, CONCAT('a', seq) FROM seq_1_to_500");
  amid_ = [this] {
    Sql("UPDATE t SET id = id + 1000 WHERE id BETWEEN 100 AND 120", "DELETE FROM t WHERE id = 1",
        "INSERT INTO t VALUES (5000, 'new')", "UPDATE t SET a = 'x' WHERE id = 500");
  };
  CycleAndExpect("t", "populate");
  CycleAndExpect("t", "nothing");
}

TEST_F(MariadbHistory, TablesThatAreWrittenAllTheTimeArePopulatedRight) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a INT, v INT)",
      "INSERT INTO t (a, v) SELECT seq, 0 FROM seq_1_to_3000");
  Cycle();
  std::atomic<bool> stop = false;
  // All the time, but no faster than this machine can read.
  const auto is_ahead = [this](mariadb::Connection& session) {
    const auto end = ReadBinlogEnd(session);
    const BinlogPlace reached = staging_->reached().place;
    return end.ok() && (end->file != reached.file || end->offset > reached.offset + 1'000'000);
  };
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 4; ++writer) {
    writers.emplace_back([this, writer, &stop, &is_ahead] {
      const auto session = Session();
      for (int i = 0; !stop && session != nullptr; ++i) {
        while (!stop && i % 20 == 0 && is_ahead(*session)) std::this_thread::yield();
        const int id = (i * 7919 + writer * 577) % 3000 + 1;
        session->Execute("START TRANSACTION").IgnoreError();
        session->Execute(absl::StrCat("UPDATE t SET v = v + 1 WHERE id = ", id)).IgnoreError();
        session->Execute(absl::StrCat("INSERT INTO t (a, v) VALUES (", i, ", -1)")).IgnoreError();
        session->Execute(absl::StrCat("DELETE FROM t WHERE id = ", (id + 100) % 6000)).IgnoreError();
        session->Execute(i % 5 == 0 ? "ROLLBACK" : "COMMIT").IgnoreError();
      }
    });
  }
  for (int i = 0; i < 4; ++i) {
    mirror_.clear();
    EXPECT_THAT(TryCycle(), IsOk());
    EXPECT_EQ(mirror_["t"].action, "populate");
    EXPECT_THAT(TryCycle(), IsOk());
  }
  stop = true;
  for (std::thread& writer : writers) writer.join();
  Cycle();
  ExpectEqual();
}

TEST_F(MariadbHistory, AStageThatIsLostIsCompared) {
  Start();
  Close();
  std::filesystem::remove(folder_ / "Cust.stage.db");
  std::filesystem::remove(folder_ / "Cust.stage.db-wal");
  std::filesystem::remove(folder_ / "Cust.stage.db-shm");
  const Position before = mirror_["t"].position;
  Sql("UPDATE t SET a = 'unseen' WHERE id = 7");
  CycleAndExpect("t", "compare");
  EXPECT_GT(mirror_["t"].position.lsn.value, before.lsn.value);
  CycleAndExpect("t", "nothing");
}

TEST_F(MariadbHistory, APositionThatNobodySentIsAMiss) {
  Start();
  mirror_["t"].position.lineage = "00000000000000000000000000000000";
  CycleAndExpect("t", "populate");
  EXPECT_EQ(standing_["t"], Standing::kMiss);
}

TEST_F(MariadbHistory, ATruncatedTableIsPopulated) {
  Start();
  Sql("TRUNCATE TABLE t", "INSERT INTO t VALUES (1, 'again', 1)");
  CycleAndExpect("t", "populate");
  EXPECT_EQ(standing_["t"], Standing::kEmptied);
  CycleAndExpect("t", "nothing");
}

TEST_F(MariadbHistory, RowsUnderATableThatWasRenamedAreCompared) {
  Start();
  Sql("CREATE TABLE u LIKE t", "INSERT INTO u VALUES (1, 'u', 1), (2000, 'u', 2)");
  Cycle();
  Sql("RENAME TABLE t TO x, u TO t, x TO u");
  Cycle();
  EXPECT_EQ(mirror_["t"].action, "compare");
  EXPECT_EQ(mirror_["u"].action, "compare");
  ExpectEqual();
}

TEST_F(MariadbHistory, DefinitionsThatChangeBetweenRowsAreComparedOrPopulated) {
  Start();
  Sql("UPDATE t SET a = 'old' WHERE id = 1", "ALTER TABLE t MODIFY a VARCHAR(50) CHARACTER SET latin1",
      "UPDATE t SET a = 'ä€' WHERE id = 2");
  Cycle();
  EXPECT_EQ(mirror_["t"].action, "compare");
  ExpectEqual();
  Sql("UPDATE t SET a = 'ö' WHERE id = 3");
  CycleAndExpect("t", "changes");
  // There and back, unseen by two looks at the catalogs.
  Sql("ALTER TABLE t DROP n", "UPDATE t SET a = 'without' WHERE id = 4",
      "ALTER TABLE t ADD n DECIMAL(10,2) DEFAULT 5");
  CycleAndExpect("t", "compare");
  Sql("DROP TABLE t",
      "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(50) CHARACTER SET latin1, n DECIMAL(10,2) DEFAULT 5)",
      "INSERT INTO t VALUES (3, 'x', 4)");
  CycleAndExpect("t", "compare");
}

TEST_F(MariadbHistory, LongUniqueIndexesWithAHiddenColumnAreFollowed) {
  Sql("CREATE TABLE h (id INT PRIMARY KEY, b TEXT UNIQUE, v INT)",
      "CREATE TABLE w (id INT PRIMARY KEY, url VARCHAR(1000) CHARACTER SET utf8mb4 UNIQUE, v INT)",
      "CREATE TABLE two (id INT PRIMARY KEY, a BLOB, b BLOB, v INT, g INT AS (v + 1) VIRTUAL, s INT AS (v + "
      "2) STORED, "
      "UNIQUE (a, b), UNIQUE (b))",
      "INSERT INTO h VALUES (1, 'x', 1)", "INSERT INTO w VALUES (1, 'x', 1)",
      "INSERT INTO two (id, a, b, v) VALUES (1, 'a', 'b', 1)");
  Cycle();
  for (int i = 0; i < 2; ++i) {
    Sql("UPDATE h SET v = v + 1", "UPDATE w SET v = v + 1, url = CONCAT(url, 'y')",
        "UPDATE two SET v = v + 1, a = REPEAT('z', 100)",
        absl::StrCat("INSERT INTO h VALUES (", 10 + i, ", NULL, 1)"));
    Cycle();
    ExpectEqual();
    for (const std::string table : {"h", "w", "two"}) EXPECT_EQ(mirror_[table].action, "changes") << table;
  }
  // A column of that name that the catalogs had not when they were read.
  Sql("ALTER TABLE h ADD DB_ROW_HASH_9 BIGINT", "UPDATE h SET DB_ROW_HASH_9 = 5");
  Cycle();
  ExpectEqual();
}

TEST_F(MariadbHistory, DefinitionsThatNameNoMirroredTableChangeNothing) {
  Start();
  Sql("UPDATE t SET a = 'z' WHERE id = 1", "CREATE TABLE other (id INT PRIMARY KEY)", "ANALYZE TABLE t",
      "OPTIMIZE TABLE t", "CREATE TEMPORARY TABLE tmp LIKE t", "INSERT INTO tmp SELECT * FROM t",
      "DROP TEMPORARY TABLE tmp");
  CycleAndExpect("t", "changes");
}

TEST_F(MariadbHistory, SessionsThatWriteStatementsOrPartsOfRowsAreCompared) {
  Start();
  Sql("SET SESSION binlog_format = STATEMENT", "UPDATE t SET a = 'statement' WHERE id < 5",
      "SET SESSION binlog_format = ROW");
  CycleAndExpect("t", "compare");
  Sql("SET SESSION binlog_row_image = MINIMAL", "UPDATE t SET a = 'minimal' WHERE id < 5",
      "SET SESSION binlog_row_image = FULL");
  CycleAndExpect("t", "compare");
  Sql("SET SESSION binlog_row_image = NOBLOB", "UPDATE t SET n = 4 WHERE id < 5",
      "SET SESSION binlog_row_image = FULL");
  CycleAndExpect("t", "compare");
  CycleAndExpect("t", "nothing");
}

TEST_F(MariadbHistory, StatementsThatCallAFunctionAreComparedWhateverTheyDo) {
  Start();
  Sql("SET GLOBAL log_bin_trust_function_creators = ON", "CREATE TABLE other (id INT PRIMARY KEY)",
      "CREATE VIEW v AS SELECT * FROM t",
      "CREATE FUNCTION bump() RETURNS INT DETERMINISTIC MODIFIES SQL DATA BEGIN UPDATE t SET n = n + 1 WHERE "
      "id = 1; "
      "RETURN 1; END");
  Cycle();
  for (const std::string format : {"MIXED", "STATEMENT"}) {
    for (const std::string statement : {"CREATE TEMPORARY TABLE x AS SELECT bump() AS b",
                                        "CREATE OR REPLACE TEMPORARY TABLE x AS SELECT bump() AS b",
                                        "CREATE OR REPLACE TABLE y AS SELECT bump() AS b",
                                        "CREATE OR REPLACE TEMPORARY TABLE x (b INT) VALUES (bump())",
                                        "SET STATEMENT max_statement_time = 60 FOR CREATE OR REPLACE "
                                        "TEMPORARY TABLE x AS SELECT bump() AS b",
                                        "SELECT bump()"}) {
      Sql(absl::StrCat("SET SESSION binlog_format = ", format), statement);
      SCOPED_TRACE(absl::StrCat(format, ": ", statement));
      CycleAndExpect("t", "compare");
    }
    Sql("DROP TEMPORARY TABLE x");
  }
  // A transaction that made a temporary table is marked as one of definitions.
  Sql("SET SESSION binlog_format = STATEMENT", "BEGIN", "CREATE TEMPORARY TABLE z (a INT)",
      "UPDATE v SET n = 7 WHERE id = 2", "COMMIT", "DROP TEMPORARY TABLE z");
  CycleAndExpect("t", "compare");
  Sql("SET SESSION binlog_format = MIXED", "BEGIN", "CREATE TEMPORARY TABLE z (a INT)",
      "UPDATE t SET a = UUID() WHERE id = 3", "SAVEPOINT s", "UPDATE t SET a = UUID() WHERE id = 4",
      "ROLLBACK TO s", "COMMIT", "DROP TEMPORARY TABLE z");
  Cycle();
  ExpectEqual();
  Sql("BEGIN", "CREATE TEMPORARY TABLE z (a INT)", "INSERT INTO t VALUES (900, UUID(), 1)", "ROLLBACK",
      "DROP TEMPORARY TABLE z", "SET SESSION binlog_format = ROW");
  Cycle();
  ExpectEqual();
  Sql("UPDATE t SET a = 'logged' WHERE id = 5");
  CycleAndExpect("t", "changes");
}

TEST_F(MariadbHistory, ATransactionThatWasPreparedCountsWhenItIsCommitted) {
  Start();
  Sql("XA START 'x1'", "UPDATE t SET a = 'prepared' WHERE id = 9", "XA END 'x1'", "XA PREPARE 'x1'");
  CycleAndExpect("t", "nothing");
  Sql("XA COMMIT 'x1'");
  CycleAndExpect("t", "compare");
  Sql("XA START 'x2'", "UPDATE t SET a = 'rolled back' WHERE id = 9", "XA END 'x2'", "XA PREPARE 'x2'",
      "XA ROLLBACK 'x2'");
  CycleAndExpect("t", "nothing");
  Sql("XA START 'x3'", "UPDATE t SET a = 'one phase' WHERE id = 9", "XA END 'x3'",
      "XA COMMIT 'x3' ONE PHASE");
  CycleAndExpect("t", "changes");
}

TEST_F(MariadbHistory, ATransactionThatWasPreparedCountsOnceMoreWhenEverySnapshotSeesIt) {
  options_.settled_after = std::chrono::hours(1);
  Start();
  Sql("XA START 'x1'", "UPDATE t SET a = 'prepared' WHERE id = 9", "XA END 'x1'", "XA PREPARE 'x1'",
      "XA COMMIT 'x1'");
  CycleAndExpect("t", "compare");
  CycleAndExpect("t", "nothing");
  EXPECT_THAT(log_->WhyGone("t"), HasSubstr("prepared (XA), read at 20"));
  // Another process, that time later: its first snapshot may have been taken before the tables had it.
  Close();
  options_.settled_after = std::chrono::milliseconds(0);
  CycleAndExpect("t", "compare");
  EXPECT_THAT(log_->WhyGone("t"), HasSubstr("before rows were read last"));
  CycleAndExpect("t", "nothing");
  Close();
  CycleAndExpect("t", "nothing");
}

TEST_F(MariadbHistory, SavepointsAreHonouredWhereTheBinlogHasWhatWasTakenBack) {
  Start();
  Sql("CREATE TABLE my (id INT PRIMARY KEY) ENGINE = MyISAM");
  Cycle();
  EXPECT_THAT(unlogged_, Contains(Key("my")));
  Sql("START TRANSACTION", "UPDATE t SET a = 'kept' WHERE id = 1", "SAVEPOINT s1",
      "INSERT INTO my VALUES (1)", "INSERT INTO t VALUES (501, 'ghost', 1)", "SAVEPOINT `s 2`",
      "UPDATE t SET a = 'ghost' WHERE id = 2", "ROLLBACK TO s1", "INSERT INTO t VALUES (502, 'kept', 1)",
      "COMMIT");
  CycleAndExpect("t", "changes");
  EXPECT_EQ(mirror_["t"].rows.count("501|"), 0U);
}

TEST_F(MariadbHistory, TablesWhoseChangesTheBinlogDoesNotShowAreUnlogged) {
  Start();
  Sql("CREATE TABLE child (id INT PRIMARY KEY, t INT, FOREIGN KEY (t) REFERENCES t (id) ON DELETE CASCADE)",
      "CREATE TABLE nulled (id INT PRIMARY KEY, t INT, FOREIGN KEY (t) REFERENCES t (id) ON UPDATE SET NULL)",
      "CREATE TABLE plain (id INT PRIMARY KEY, t INT, FOREIGN KEY (t) REFERENCES t (id))",
      "CREATE TABLE versioned (id INT PRIMARY KEY) WITH SYSTEM VERSIONING", "CREATE TABLE keyless (id INT)",
      "CREATE TABLE wide (id INT PRIMARY KEY, a TEXT CHARACTER SET ucs2)",
      "CREATE TABLE aria (id INT PRIMARY KEY) ENGINE = Aria");
  const auto unlogged = log_->Unlogged();
  ASSERT_THAT(unlogged, IsOk());
  for (const char* const name : {"child", "nulled", "versioned", "keyless", "wide", "aria"})
    EXPECT_THAT(*unlogged, Contains(Key(name)));
  EXPECT_EQ(unlogged->count("plain"), 0U);
  EXPECT_EQ(unlogged->count("t"), 0U);
  EXPECT_THAT(unlogged->at("child"), HasSubstr("foreign key"));
}

TEST_F(MariadbHistory, ADumpThreadThatIsKilledGoesOn) {
  Start();
  for (int i = 0; i < 5; ++i) {
    const auto threads =
        connection_->Query("SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND = 'Binlog Dump'");
    ASSERT_THAT(threads, IsOk());
    ASSERT_GE(threads->rows(), 1U);
    for (std::size_t row = 0; row < threads->rows(); ++row)
      connection_->KillOther(static_cast<std::uint64_t>(threads->Int(row, 0))).IgnoreError();
    Sql(absl::StrCat("UPDATE t SET a = 'killed ", i, "' WHERE id = 5"));
    CycleAndExpect("t", "changes");
  }
}

TEST_F(MariadbHistory, KeysAndValuesOfManyTypesFollow) {
  Sql("CREATE TABLE k (a VARCHAR(20), b DECIMAL(8,3), c DATETIME(3), d BINARY(4), e INT(5) ZEROFILL, v "
      "FLOAT, w BIT(9), "
      "x TIMESTAMP(2) NULL, y UUID, PRIMARY KEY (a, b, c, d, e))",
      "INSERT INTO k VALUES ('Ab', 1.5, '2024-05-01 10:00:00.5', X'01', 42, 0.1, 300, '2024-01-01', UUID())",
      "INSERT INTO k VALUES ('', -1, '2024-05-01 10:00:00', X'', 7, NULL, NULL, NULL, NULL)");
  CycleAndExpect("k", "populate");
  Sql("UPDATE k SET a = 'aB' WHERE a = 'Ab'",
      "UPDATE k SET v = 16777215, w = 1, x = '2030-01-01 00:00:01.25', y = UUID()",
      "UPDATE k SET d = X'00ff' WHERE a = ''");
  CycleAndExpect("k", "changes");
  Sql("UPDATE k SET b = b + 1");
  CycleAndExpect("k", "changes");
}

TEST_F(MariadbHistory, RowsThatAreAskedForByALongTextAreRead) {
  Sql("CREATE TABLE k (a VARCHAR(80), b TEXT, PRIMARY KEY (a))",
      "INSERT INTO k SELECT CONCAT(REPEAT('long ', 8), seq), 'before' FROM seq_1_to_50");
  CycleAndExpect("k", "populate");
  Sql("SET sql_log_bin = 0", "UPDATE k SET b = 'behind'", "SET sql_log_bin = 1");
  std::vector<mirror::Key> asked;
  for (int i = 1; i <= 50; ++i)
    asked.push_back({{Kind::kText, 0, 0, absl::StrCat("long long long long long long long long ", i)}});
  const TableSchema& schema = schema_.tables.at(0).schema;
  const auto changes = reader_->Changes("k", mirror_["k"].position.lsn, AllColumns(schema),
                                        /*whole_rows=*/true, /*count_all=*/false, std::move(asked));
  ASSERT_THAT(changes, IsOk());
  std::vector<std::vector<std::string>> inserted;
  for (bool last = false; !last;) {
    Pieces pieces;
    const absl::StatusOr<ChangePiece> piece = (*changes)->Next({4'000, 100}, &pieces);
    ASSERT_THAT(piece, IsOk());
    for (const ChangeBlock& block : piece->blocks) {
      EXPECT_EQ(block.operation, Operation::kInsert);
      AppendRows(block.rows, &inserted);
    }
    last = piece->last;
  }
  std::set<std::string> read;
  for (const auto& row : inserted) read.insert(absl::StrJoin(row, "|"));
  EXPECT_EQ(read.size(), 50U);
  for (const std::string& row : read) EXPECT_THAT(row, HasSubstr("behind"));
}

}  // namespace
}  // namespace mirror::mariadb_log_history_test
