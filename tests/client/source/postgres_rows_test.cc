#include "client/source/postgres/postgres_rows.h"

#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/client/source/postgres_source.h"
#include "tests/support/postgres_server.h"

namespace mirror::postgres_rows_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class PostgresRowsTest : public PostgresSourceTest {
 protected:
  /// Of sessions of the reader.
  std::string Sessions(const std::string& where) {
    return Text(
        "SELECT count(*)::text FROM pg_stat_activity WHERE application_name = 'mirror-agent' AND "
        "datname = current_database() AND " +
        where);
  }
  std::string Locks() {
    return Text(
        "SELECT count(*)::text FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE application_name "
        "= 'mirror-agent' AND datname = current_database()");
  }
};

TEST_F(PostgresRowsTest, NothingIsHeldBetweenReaders) {
  Sql("CREATE TABLE t (id int4 PRIMARY KEY, v text); "
      "INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 5000) i");
  options_.access.yields_after = std::chrono::hours(1);  // That takes a session more.
  Open();
  Look();
  EXPECT_EQ(Locks(), "0");
  EXPECT_EQ(Sessions("state <> 'idle'"), "0");
  auto reader = reader_->Read("t", {0, 1});
  ASSERT_THAT(reader, IsOk());
  EXPECT_EQ(Locks(), "0") << "its moment is that of the first row";
  RowBlock block = RowBlock::ForAll(Table("t").schema);
  Pieces pieces;
  ASSERT_THAT((*reader)->Next({1, 1}, &block, &pieces), IsOkAndHolds(true));
  EXPECT_NE(Locks(), "0");
  // Who writes is not held up, and who changes the table waits.
  Sql("SET lock_timeout TO '1ms'; UPDATE t SET v = 'new'; DELETE FROM t WHERE id = 5; CREATE INDEX ON t (v)");
  EXPECT_FALSE(connection_->Execute("ALTER TABLE t ADD more text").ok());
  reader->reset();  // Left in the middle.
  EXPECT_EQ(Locks(), "0");
  EXPECT_EQ(Sessions("state <> 'idle'"), "0");
  Sql("ALTER TABLE t ADD more text");
  Look();
  EXPECT_EQ(Rows("t").size(), 4999U);
  EXPECT_THAT(RowsOf("t", {IntKey(1)}), IsOk());
  EXPECT_THAT(reader_->CountRows("t"), IsOkAndHolds(4999U));
  EXPECT_THAT(reader_->LookAtColumn("t", 0), IsOk());
  EXPECT_EQ(Locks(), "0");
  EXPECT_EQ(Sessions("true"), "1") << "one session is enough for one reader after the other";
}

TEST_F(PostgresRowsTest, ATableThatSomebodyChangesIsLeftForTheNextRun) {
  Sql("CREATE TABLE t (id int4 PRIMARY KEY); INSERT INTO t VALUES (1); CREATE TABLE u (id int4 PRIMARY KEY)");
  options_.access.lock_within = std::chrono::milliseconds(20);
  Open();
  Look();
  Sql("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE");
  EXPECT_THAT(ReadAll(*reader_, Table("t").schema).status,
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("locked by a session that changes it")));
  EXPECT_EQ(Rows("u").size(), 0U);
  EXPECT_THAT(reader_->Schema(), IsOk()) << "the catalogs are read without that lock";
  Sql("COMMIT");
  EXPECT_EQ(Rows("t").size(), 1U);
}

TEST_F(PostgresRowsTest, AReadingIsBrokenOffForWhoWaitsToChangeTheTable) {
  Sql("CREATE TABLE t (id int4 PRIMARY KEY, v text); "
      "INSERT INTO t SELECT i, repeat('x', 10000) FROM generate_series(1, 20000) i");
  options_.access.yields_after = std::chrono::milliseconds(0);
  Open();
  Look();
  auto read = reader_->Read("t", {0, 1});
  ASSERT_THAT(read, IsOk());
  RowBlock block = RowBlock::ForAll(Table("t").schema);
  Pieces pieces;
  ASSERT_THAT((*read)->Next({1, 100}, &block, &pieces), IsOkAndHolds(true));
  std::thread changer(
      [&] { EXPECT_THAT(Connect(conninfo_)->Execute("ALTER TABLE public.t ADD more text"), IsOk()); });
  while (Text("SELECT count(*)::text FROM pg_locks WHERE NOT granted AND relation = 't'::regclass") == "0") {
  }
  absl::StatusOr<bool> more = true;
  for (int left = 200; more.ok() && *more && left > 0; --left) {
    block.Clear();
    more = (*read)->Next({1'000'000, 100}, &block, &pieces);
  }
  EXPECT_THAT(more, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("another session waits to change")));
  changer.join();  // The reader is still there, and holds nothing.
  Look();
  EXPECT_EQ(Rows("t").size(), 20000U);
}

TEST_F(PostgresRowsTest, ATableThatMovedIsAbortedAndANewLookHealsIt) {
  const std::vector<std::string> changes = {
      "ALTER TABLE t ADD more text",           "ALTER TABLE t RENAME v TO w",
      "ALTER TABLE t ALTER v TYPE varchar(9)", "ALTER TABLE t DROP CONSTRAINT t_pkey",
      "ALTER TABLE t ALTER v SET NOT NULL",    "DROP TABLE t; CREATE TABLE t (id int4 PRIMARY KEY, v text)"};
  for (const std::string& change : changes) {
    SCOPED_TRACE(change);
    Sql("DROP TABLE IF EXISTS t; CREATE TABLE t (id int4 PRIMARY KEY, v text); INSERT INTO t VALUES (1, "
        "'a')");
    Look();
    auto read = reader_->Read("t", {0, 1});
    ASSERT_THAT(read, IsOk());
    Sql(change);
    RowBlock block = RowBlock::ForAll(Table("t").schema);
    Pieces pieces;
    EXPECT_EQ((*read)->Next({}, &block, &pieces).status().code(), absl::StatusCode::kAborted);
    EXPECT_EQ(reader_->CountRows("t").status().code(), absl::StatusCode::kAborted);
    Look();
    EXPECT_THAT(ReadAll(*reader_, Table("t").schema).status, IsOk());
  }
  Sql("DROP TABLE t");
  EXPECT_EQ(ReadAll(*reader_, Table("t").schema).status.code(), absl::StatusCode::kAborted);
}

TEST_F(PostgresRowsTest, ANewLookEndsWhatReadsByTheOldOne) {
  Sql("CREATE TABLE t (id int4 PRIMARY KEY); INSERT INTO t VALUES (1), (2)");
  Look();
  auto read = reader_->Read("t", {0});
  auto digests = reader_->Scan("t", {0});
  ASSERT_THAT(read, IsOk());
  RowBlock block = RowBlock::ForAll(Table("t").schema);
  Pieces pieces;
  ASSERT_THAT((*read)->Next({1, 1}, &block, &pieces), IsOkAndHolds(true));
  Look();
  block.Clear();
  EXPECT_EQ((*read)->Next({1, 1}, &block, &pieces).status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ((*digests)->Next(1, false).status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(Locks(), "0");
}

TEST_F(PostgresRowsTest, AConnectionThatIsLostWhileRowsComeSaysWhatToDo) {
  Sql("CREATE TABLE t (id int4 PRIMARY KEY, v text); "
      "INSERT INTO t SELECT i, repeat('x', 10000) FROM generate_series(1, 5000) i");
  Look();
  auto read = reader_->Read("t", {0, 1});
  ASSERT_THAT(read, IsOk());
  RowBlock block = RowBlock::ForAll(Table("t").schema);
  Pieces pieces;
  ASSERT_THAT((*read)->Next({1, 1}, &block, &pieces), IsOkAndHolds(true));
  Text(
      "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE application_name = 'mirror-agent' "
      "AND datname = current_database()");
  absl::StatusOr<bool> more = true;
  while (more.ok() && *more) {
    block.Clear();
    more = (*read)->Next({}, &block, &pieces);
  }
  EXPECT_THAT(more, StatusIs(absl::StatusCode::kUnavailable,
                             testing::AllOf(HasSubstr("table 't'"), HasSubstr("was lost"),
                                            HasSubstr("the next run reads it from the beginning"))));
  read->reset();
  EXPECT_EQ(Rows("t").size(), 5000U) << "another session is opened";
}

TEST_F(PostgresRowsTest, AServerThatIsKilledIsReadAgainWhenItIsBack) {
  const auto started = PostgresServer::Start();
  ASSERT_THAT(started, IsOk());
  PostgresServer& server = **started;
  options_.access.dsn = server.Conninfo();
  connection_ = Connect(server.Conninfo());
  Sql("CREATE TABLE public.t (id int4 PRIMARY KEY, v text); INSERT INTO public.t SELECT i, repeat('x', "
      "10000) "
      "FROM generate_series(1, 5000) i");
  Open();
  Look();
  const std::string database = reader_->Mark().database;
  auto read = reader_->Read("t", {0, 1});
  ASSERT_THAT(read, IsOk());
  RowBlock block = RowBlock::ForAll(Table("t").schema);
  Pieces pieces;
  ASSERT_THAT((*read)->Next({1, 1}, &block, &pieces), IsOkAndHolds(true));
  server.Kill();
  absl::StatusOr<bool> more = true;
  while (more.ok() && *more) {
    block.Clear();
    more = (*read)->Next({}, &block, &pieces);
  }
  EXPECT_THAT(more, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("table 't'")));
  EXPECT_EQ(ReadAll(*reader_, Table("t").schema).status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(reader_->Schema().status().code(), absl::StatusCode::kUnavailable);
  ASSERT_THAT(server.StartAgain(), IsOk());
  Look();
  EXPECT_EQ(Rows("t").size(), 5000U);
  EXPECT_EQ(reader_->Mark().database, database);
}

TEST_F(PostgresRowsTest, LargeValuesTravelInParts) {
  Sql("CREATE TABLE t (id int4 PRIMARY KEY, b bytea, v text, j jsonb); ALTER TABLE t ALTER b SET STORAGE "
      "EXTERNAL;"
      "INSERT INTO t SELECT 1, decode(repeat('00ff', 5000000), 'hex'), repeat('\u00fcx', 3000000), "
      "to_jsonb(repeat('y', 9000000)); INSERT INTO t VALUES (2, '', '', NULL)");
  Look();
  Pieces pieces;
  const ReadTable read = ReadAll(*reader_, Table("t").schema, 1'000'000, &pieces);
  ASSERT_THAT(read.status, IsOk());
  ASSERT_EQ(read.rows.size(), 2U);
  EXPECT_THAT(read.rows[0], ElementsAre("i:1", "large t:10000000", "large t:9000000", "large t:9000002"));
  EXPECT_THAT(read.rows[1], ElementsAre("i:2", "t:", "t:", "null"));
  EXPECT_LE(pieces.longest(), 4U << 20);
  RowDigest wanted;
  wanted.AddInteger(1);
  wanted.AddBytes(pieces.value(1));
  wanted.AddText(pieces.value(2));
  wanted.AddText(pieces.value(3));
  const auto digests = Digest(reader_->Digests("t", {0, 1, 2, 3}));
  ASSERT_THAT(digests, IsOk());
  EXPECT_EQ(digests->rows[0].second, wanted.Finish());
}

TEST_F(PostgresRowsTest, AScanFromAValueGivesWhatIsThereOrGreater) {
  Sql("CREATE TABLE t (id int4 PRIMARY KEY, n int4, at timestamp, v text, d numeric(6,2), f float8);"
      "INSERT INTO t VALUES (1, 5, '2024-01-01', 'a', 9.00, 1), (2, 6, '2024-01-02', 'B', 10.00, 2),"
      "(3, NULL, NULL, NULL, NULL, NULL), (4, 7, '2024-01-03', '\u00e4', 8.00, 3)");
  Look();
  const std::vector<BoundCase> bounds = {
      {1, IntKey(6).front(), {2, 4}},     {1, IntKey(INT64_MIN).front(), {1, 2, 4}},
      {1, IntKey(INT64_MAX).front(), {}}, {1, {.kind = Kind::kReal, .real = 5.5}, {2, 4}},
      {1, TextKey("a").front(), {}},      {2, IntKey(638396640000000000 + 864000000000).front(), {2, 4}},
      {3, TextKey("a").front(), {1, 4}},  {3, TextKey("B").front(), {1, 2, 4}},
      {3, IntKey(9).front(), {1, 2, 4}},  {4, TextKey("8.5").front(), {1, 2}},
      {4, IntKey(10).front(), {2}},       {4, IntKey(INT64_MIN).front(), {1, 2, 4}},
      {5, IntKey(2).front(), {2, 4}},
  };
  ExpectScansFrom("t", bounds);
}

TEST_F(PostgresRowsTest, AColumnsEndsAreThoseThatTheWireHas) {
  Sql("CREATE TABLE t (id int4 PRIMARY KEY, n int8, v text, d date, w text, none int4, m numeric(6,2), u "
      "numeric);"
      "INSERT INTO t VALUES (1, 5, 'a', '2024-01-01', '9', NULL, 9, 9), (2, -6, 'B', '0001-01-01', '10', "
      "NULL, 10, 10),"
      "(3, NULL, '\u00e4', NULL, '11', NULL, 11.5, NULL)");
  Look();
  auto facts = reader_->LookAtColumn("t", 1);
  ASSERT_THAT(facts, IsOk());
  EXPECT_EQ(facts->least, IntKey(-6).front());
  EXPECT_EQ(facts->greatest, IntKey(5).front());
  EXPECT_EQ(facts->nulls, 1U);
  facts = reader_->LookAtColumn("t", 2);
  ASSERT_THAT(facts, IsOk());
  EXPECT_EQ(facts->least, TextKey("B").front());
  EXPECT_EQ(facts->greatest, TextKey("\u00e4").front());
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
  EXPECT_EQ(facts->trouble, "");
  EXPECT_THAT(reader_->LookAtColumn("t", 7)->trouble, HasSubstr("numbers that are kept as texts"));
}

}  // namespace
}  // namespace mirror::postgres_rows_test
