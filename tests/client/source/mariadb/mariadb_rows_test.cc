#include "client/source/mariadb/mariadb_rows.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "tests/client/source/mariadb/mariadb_source.h"

namespace mirror::mariadb_rows_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class MariadbRowsTest : public MariadbSourceTest {
 protected:
  /// Of sessions of this database but the test's own.
  std::string Sessions(const std::string& where) {
    return Text(absl::StrCat("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = '", database_,
                             "' AND ID <> CONNECTION_ID() AND ", where));
  }
  /// The same, once it is `count`: a session has answered a moment before the list says that it sleeps, and
  /// was ended a moment before it leaves the list.
  std::string SessionsAtLast(const std::string& where, const std::string& count) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    std::string now = Sessions(where);
    while (now != count && std::chrono::steady_clock::now() < until) now = Sessions(where);
    return now;
  }
  /// Whether nobody holds a lock of the table's definition.
  bool IsFree(const std::string& table) {
    return connection_->Execute("SET STATEMENT lock_wait_timeout = 0 FOR LOCK TABLES " + table + " WRITE")
               .ok() &&
           connection_->Execute("UNLOCK TABLES").ok();
  }
  /// A session that was ended is so a moment later.
  bool GetsFree(const std::string& table) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < until) {
      if (IsFree(table)) return true;
    }
    return false;
  }
  void FillWide(const std::string& table, int rows, int bytes) {
    Sql("CREATE TABLE " + table + " (id INT PRIMARY KEY, v LONGTEXT)",
        absl::StrCat("INSERT INTO ", table, " SELECT seq, REPEAT('x', ", bytes, ") FROM seq_1_to_", rows));
  }
  absl::StatusOr<bool> FirstRow(TableReader& reader, const std::string& table) {
    RowBlock block = RowBlock::ForAll(Table(table).schema);
    Pieces pieces;
    return reader.Next({1, 1}, &block, &pieces);
  }
  absl::StatusOr<bool> AllRows(TableReader& reader, const std::string& table) {
    RowBlock block = RowBlock::ForAll(Table(table).schema);
    Pieces pieces;
    absl::StatusOr<bool> more = true;
    while (more.ok() && *more) {
      block.Clear();
      more = reader.Next({}, &block, &pieces);
    }
    return more;
  }
};

TEST_F(MariadbRowsTest, NothingIsHeldBetweenReaders) {
  FillWide("t", 5000, 1000);
  options_.access.yields_after = std::chrono::hours(1);
  Open();
  Look();
  EXPECT_TRUE(IsFree("t"));
  auto reader = reader_->Read("t", {0, 1});
  ASSERT_THAT(reader, IsOk());
  EXPECT_TRUE(IsFree("t")) << "its moment is that of the first row";
  ASSERT_THAT(FirstRow(**reader, "t"), IsOkAndHolds(true));
  EXPECT_FALSE(IsFree("t"));
  // Who writes is not held up, and who changes the table waits.
  Sql("UPDATE t SET v = 'new'", "DELETE FROM t WHERE id = 5");
  EXPECT_FALSE(
      connection_->Execute("SET STATEMENT lock_wait_timeout = 0 FOR ALTER TABLE t ADD more TEXT").ok());
  reader->reset();  // Left in the middle.
  EXPECT_TRUE(GetsFree("t"));
  Sql("ALTER TABLE t ADD more TEXT");
  Look();
  EXPECT_EQ(Rows("t").size(), 4999U);
  EXPECT_TRUE(IsFree("t"));
  EXPECT_THAT(RowsOf("t", {IntKey(1)}), IsOk());
  EXPECT_THAT(reader_->CountRows("t"), IsOkAndHolds(4999U));
  EXPECT_THAT(reader_->LookAtColumn("t", 0), IsOk());
  EXPECT_TRUE(IsFree("t"));
  EXPECT_EQ(SessionsAtLast("COMMAND <> 'Sleep'", "0"), "0");
  EXPECT_EQ(SessionsAtLast("TRUE", "3"), "3") << "one for catalogs, one for rows, one that ended a reading";
}

TEST_F(MariadbRowsTest, WhoWritesATableWithoutSnapshotsDoesNotWaitForWhoTakesItsRows) {
  for (const char* const engine : {"MyISAM", "Aria", "MEMORY"}) {
    SCOPED_TRACE(engine);
    Sql("DROP TABLE IF EXISTS t",
        absl::StrCat("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(100)) ENGINE=", engine),
        "INSERT INTO t SELECT seq, REPEAT('x', 100) FROM seq_1_to_20000");
    Look();
    auto reader = reader_->Read("t", {0, 1});
    ASSERT_THAT(reader, IsOk());
    ASSERT_THAT(FirstRow(**reader, "t"), IsOkAndHolds(true));
    Sql("SET STATEMENT lock_wait_timeout = 5, max_statement_time = 5 FOR UPDATE t SET v = 'new'");
    EXPECT_THAT(AllRows(**reader, "t"), IsOkAndHolds(false));
    EXPECT_EQ(RowsOf("t", {IntKey(1)})->rows, (ShownRows{{"i:1", "t:new"}}));
    ExpectEqualDigests("t");
  }
  EXPECT_THAT(schema_.notes, ElementsAre(HasSubstr("engine MEMORY has no snapshots")));
}

TEST_F(MariadbRowsTest, ATableThatSomebodyChangesIsLeftForTheNextRun) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)",
      "CREATE TABLE u (id INT PRIMARY KEY)");
  options_.access.lock_within = std::chrono::milliseconds(0);
  Open();
  Look();
  Sql("LOCK TABLES t WRITE");
  EXPECT_THAT(ReadAll(*reader_, Table("t").schema).status,
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("locked by a session that changes it")));
  EXPECT_EQ(Rows("u").size(), 0U);
  EXPECT_THAT(reader_->Schema(), IsOk()) << "the catalogs are read without that lock";
  Sql("UNLOCK TABLES");
  Look();
  EXPECT_EQ(Rows("t").size(), 1U);
}

TEST_F(MariadbRowsTest, AReadingIsBrokenOffForWhoWaitsToChangeTheTable) {
  options_.access.yields_after = std::chrono::milliseconds(20);
  // By one that may only read: others' sessions are none that it sees.
  OpenAs("only_reads", "SELECT ON " + database_ + ".*");
  for (const char* const change : {"ALTER TABLE t ADD more TEXT", "LOCK TABLES t WRITE", "TRUNCATE TABLE t",
                                   "FLUSH TABLES t", "DROP TABLE t"}) {
    SCOPED_TRACE(change);
    Sql("DROP TABLE IF EXISTS t");
    FillWide("t", 20000, 1000);
    Look();
    auto read = reader_->Read("t", {0, 1});
    ASSERT_THAT(read, IsOk());
    ASSERT_THAT(FirstRow(**read, "t"), IsOkAndHolds(true));
    // Nobody takes a row meanwhile: so an endpoint that does not answer keeps nobody waiting.
    const absl::Status changed = connection_->Execute(change);
    EXPECT_TRUE(changed.ok()) << changed;
    Sql("UNLOCK TABLES");
    EXPECT_THAT(AllRows(**read, "t"),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("another session waits to change")));
    EXPECT_THAT(reader_->Schema(), IsOk());
  }
}

TEST_F(MariadbRowsTest, AReadingInPeaceIsNotBrokenOff) {
  FillWide("t", 5000, 1000);
  options_.access.yields_after = std::chrono::milliseconds(1);
  Open();
  Look();
  auto read = reader_->Read("t", {0, 1});
  ASSERT_THAT(read, IsOk());
  ASSERT_THAT(FirstRow(**read, "t"), IsOkAndHolds(true));
  // What writes and reads take is in nobody's way; and a transaction that stays open, neither.
  Sql("BEGIN", "UPDATE t SET v = 'new' WHERE id = 1");
  const std::string before = Text("SHOW GLOBAL STATUS LIKE 'Com_select'");
  for (int i = 0; i < 50; ++i) Sql("SELECT SLEEP(0.002)");
  EXPECT_THAT(AllRows(**read, "t"), IsOkAndHolds(false));
  Sql("COMMIT");
}

TEST_F(MariadbRowsTest, ATableThatMovedIsAbortedAndANewLookHealsIt) {
  for (const char* const change :
       {"ALTER TABLE t ADD more TEXT", "ALTER TABLE t CHANGE v w TEXT", "ALTER TABLE t MODIFY v VARCHAR(9)",
        "ALTER TABLE t MODIFY v TEXT CHARACTER SET latin1", "ALTER TABLE t DROP PRIMARY KEY",
        "ALTER TABLE t MODIFY v TEXT NOT NULL", "ALTER TABLE t ENGINE = MyISAM"}) {
    SCOPED_TRACE(change);
    Sql("DROP TABLE IF EXISTS t", "CREATE TABLE t (id INT PRIMARY KEY, v TEXT)",
        "INSERT INTO t VALUES (1, 'a')");
    Look();
    auto read = reader_->Read("t", {0, 1});
    ASSERT_THAT(read, IsOk());
    Sql(change);
    EXPECT_EQ(FirstRow(**read, "t").status().code(), absl::StatusCode::kAborted);
    EXPECT_EQ(reader_->CountRows("t").status().code(), absl::StatusCode::kAborted);
    Look();
    EXPECT_THAT(ReadAll(*reader_, Table("t").schema).status, IsOk());
  }
  Sql("DROP TABLE t");
  EXPECT_EQ(ReadAll(*reader_, Table("t").schema).status.code(), absl::StatusCode::kAborted);
}

TEST_F(MariadbRowsTest, ANewLookEndsWhatReadsByTheOldOne) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1), (2)");
  Look();
  auto read = reader_->Read("t", {0});
  auto digests = reader_->Scan("t", {0});
  ASSERT_THAT(read, IsOk());
  ASSERT_THAT(FirstRow(**read, "t"), IsOkAndHolds(true));
  Look();
  EXPECT_EQ(FirstRow(**read, "t").status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ((*digests)->Next(1, false).status().code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(GetsFree("t"));
}

TEST_F(MariadbRowsTest, AConnectionThatIsLostWhileRowsComeSaysWhatToDo) {
  FillWide("t", 5000, 10000);
  Look();
  auto read = reader_->Read("t", {0, 1});
  ASSERT_THAT(read, IsOk());
  ASSERT_THAT(FirstRow(**read, "t"), IsOkAndHolds(true));
  const auto ids =
      connection_->Query(absl::StrCat("SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '", database_,
                                      "' AND ID <> CONNECTION_ID()"));
  ASSERT_THAT(ids, IsOk());
  for (std::size_t i = 0; i < ids->rows(); ++i) Sql("KILL " + ids->Text(i, 0));
  EXPECT_THAT(AllRows(**read, "t"),
              StatusIs(absl::StatusCode::kUnavailable,
                       testing::AllOf(HasSubstr("table 't'"),
                                      HasSubstr("the next run reads it from the beginning"))));
  read->reset();
  Look();
  EXPECT_EQ(Rows("t").size(), 5000U) << "another session is opened";
}

TEST_F(MariadbRowsTest, AServerThatIsKilledIsReadAgainWhenItIsBack) {
  const auto started = MariadbServer::Start();
  ASSERT_THAT(started, IsOk());
  MariadbServer& server = **started;
  database_ = server.NewDatabase();
  options_.access.dsn = server.Dsn(database_);
  connection_ = Connect(server.Dsn(database_));
  FillWide("t", 5000, 10000);
  Open();
  Look();
  const std::string database = reader_->Mark().database;
  auto read = reader_->Read("t", {0, 1});
  ASSERT_THAT(read, IsOk());
  ASSERT_THAT(FirstRow(**read, "t"), IsOkAndHolds(true));
  server.Kill();
  EXPECT_THAT(AllRows(**read, "t"), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("table 't'")));
  EXPECT_EQ(ReadAll(*reader_, Table("t").schema).status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(reader_->Schema().status().code(), absl::StatusCode::kUnavailable);
  ASSERT_THAT(server.StartAgain(), IsOk());
  Look();
  EXPECT_EQ(Rows("t").size(), 5000U);
  EXPECT_EQ(reader_->Mark().database, database);
}

TEST_F(MariadbRowsTest, LargeValuesTravelInParts) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, b LONGBLOB, v LONGTEXT)",
      "INSERT INTO t VALUES (1, REPEAT(X'00ff', 5000000), REPEAT('\u00fcx', 3000000)), (2, '', '')");
  Look();
  Pieces pieces;
  const ReadTable read = ReadAll(*reader_, Table("t").schema, 1'000'000, &pieces);
  ASSERT_THAT(read.status, IsOk());
  ASSERT_EQ(read.rows.size(), 2U);
  EXPECT_THAT(read.rows[0], ElementsAre("i:1", "large t:10000000", "large t:9000000"));
  EXPECT_THAT(read.rows[1], ElementsAre("i:2", "t:", "t:"));
  EXPECT_LE(pieces.longest(), 4U << 20);
  RowDigest wanted;
  wanted.AddInteger(1);
  wanted.AddBytes(pieces.value(1));
  wanted.AddText(pieces.value(2));
  const auto digests = Digest(reader_->Digests("t", {0, 1, 2}));
  ASSERT_THAT(digests, IsOk());
  EXPECT_EQ(digests->rows[0].second, wanted.Finish());
}

TEST_F(MariadbRowsTest, AScanFromAValueGivesWhatIsThereOrGreater) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, n INT, at DATETIME, v VARCHAR(9) CHARACTER SET latin1, d "
      "DECIMAL(6,2), "
      "f DOUBLE, u BIGINT UNSIGNED)",
      "INSERT INTO t VALUES (1, 5, '2024-01-01', 'a', 9.00, 1, 9), (2, 6, '2024-01-02', 'B', 10.00, 2, 10),"
      "(3, NULL, NULL, NULL, NULL, NULL, NULL), (4, 7, '2024-01-03', '\u00e4', 8.00, 3, "
      "18446744073709551615)");
  Look();
  const std::vector<BoundCase> bounds = {
      {1, IntKey(6).front(), {2, 4}},
      {1, IntKey(INT64_MIN).front(), {1, 2, 4}},
      {1, IntKey(INT64_MAX).front(), {}},
      {1, {.kind = Kind::kReal, .real = 5.5}, {2, 4}},
      {1, TextKey("a").front(), {}},
      {2, IntKey(638396640000000000 + 864000000000).front(), {2, 4}},
      {2, IntKey(INT64_MIN).front(), {1, 2, 4}},
      {2, IntKey(INT64_MAX).front(), {}},
      {3, TextKey("a").front(), {1, 4}},
      {3, TextKey("B").front(), {1, 2, 4}},
      {3, TextKey("\u00e4").front(), {4}},
      {3, IntKey(9).front(), {1, 2, 4}},
      {4, TextKey("8.5").front(), {1, 2}},
      {4, IntKey(10).front(), {2}},
      {4, IntKey(INT64_MIN).front(), {1, 2, 4}},
      {5, IntKey(2).front(), {2, 4}},
      {6, TextKey("10").front(), {2, 4}},
  };
  ExpectScansFrom("t", bounds);
}

TEST_F(MariadbRowsTest, AColumnsEndsAreThoseThatTheWireHas) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, n BIGINT, v VARCHAR(9), d DATE, w TEXT, none INT, m DECIMAL(6,2), "
      "u BIGINT UNSIGNED)",
      "INSERT INTO t VALUES (1, 5, 'a', '2024-01-01', '9', NULL, 9, 9), (2, -6, 'B', '0001-01-01', '10', "
      "NULL, "
      "10, 10), (3, NULL, '\u00f6', NULL, '11', NULL, 11.5, NULL)");
  Look();
  auto facts = reader_->LookAtColumn("t", 1);
  ASSERT_THAT(facts, IsOk());
  EXPECT_EQ(facts->least, IntKey(-6).front());
  EXPECT_EQ(facts->greatest, IntKey(5).front());
  EXPECT_EQ(facts->nulls, 1U);
  facts = reader_->LookAtColumn("t", 2);
  ASSERT_THAT(facts, IsOk());
  EXPECT_EQ(facts->least, TextKey("B").front());
  EXPECT_EQ(facts->greatest, TextKey("\u00f6").front());
  EXPECT_EQ(facts->trouble, "");
  facts = reader_->LookAtColumn("t", 3);
  ASSERT_THAT(facts, IsOk());
  EXPECT_EQ(facts->least, IntKey(0).front());
  EXPECT_THAT(reader_->LookAtColumn("t", 4)->trouble, HasSubstr("numbers that are kept as texts"));
  EXPECT_EQ(reader_->LookAtColumn("t", 5)->greatest.kind, Kind::kNull);
  EXPECT_EQ(reader_->LookAtColumn("t", 5)->nulls, 3U);
  facts = reader_->LookAtColumn("t", 6);
  ASSERT_THAT(facts, IsOk());
  EXPECT_EQ(facts->least, TextKey("9.00").front());
  EXPECT_EQ(facts->greatest, TextKey("11.50").front());
  facts = reader_->LookAtColumn("t", 7);
  ASSERT_THAT(facts, IsOk());
  EXPECT_EQ(facts->greatest, TextKey("10").front());
  EXPECT_EQ(facts->trouble, "");
}

TEST_F(MariadbRowsTest, NoKeysAreNoRows) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)");
  Look();
  EXPECT_EQ(RowsOf("t", {})->rows.size(), 0U);
}

TEST_F(MariadbRowsTest, KeysLeadToTheirRowsByTheKeysOwnIndex) {
  Sql("CREATE TABLE t (k VARCHAR(20) CHARACTER SET latin1, n BIGINT UNSIGNED, v TEXT, PRIMARY KEY (k, n))",
      "INSERT INTO t SELECT CONCAT('k', seq), seq, REPEAT('v', 100) FROM seq_1_to_20000", "ANALYZE TABLE t");
  Look();
  const auto reads = [this] {
    std::int64_t all = 0;
    for (const char* const name : {"Handler_read_rnd_next", "Handler_read_next", "Handler_read_first"}) {
      const auto rows = connection_->Query(absl::StrCat("SHOW GLOBAL STATUS LIKE '", name, "'"));
      all += rows->Int(0, 1);
    }
    return all;
  };
  const std::int64_t before = reads();
  const absl::StatusOr<Found> found = RowsOf("t", {{TextKey("k5").front(), TextKey("5").front()},
                                                   {TextKey("k20000").front(), TextKey("20000").front()}});
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->rows.size(), 2U);
  EXPECT_LT(reads() - before, 2'000) << "all rows were read";
}

}  // namespace
}  // namespace mirror::mariadb_rows_test
