#include <gmock/gmock.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "absl/strings/str_cat.h"
#include "client/source/odbc/odbc_checks.h"
#include "client/source/odbc/odbc_reader.h"
#include "client/source/postgres/postgres_reader.h"
#include "tests/client/source/odbc/same_source.h"
#include "tests/support/odbc/odbc_driver.h"
#include "tests/support/postgres_database.h"

namespace mirror::odbc_postgres_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class OdbcPostgresTest : public PostgresDatabaseTest {
 protected:
  void Fill() override {
    SKIP_WITHOUT_ODBC(PostgresOdbcDriver());
    Sql("SET search_path TO public, pg_catalog; SET default_transaction_read_only TO off");
    Open();
  }
  void Sql(const std::string& sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()) << sql; }
  std::string Text(const std::string& sql) {
    const auto rows = connection_->Query(sql);
    EXPECT_THAT(rows, IsOk()) << sql;
    return rows.ok() && rows->rows() > 0 ? rows->Text(0, 0) : "";
  }
  static std::string DsnOf(const PostgresServer& server, const std::string& database,
                           const std::string& user = "mirror") {
    return absl::StrCat("DRIVER=", PostgresOdbcDriver(), ";SERVER=", server.folder(),
                        ";PORT=5432;DATABASE=", database, ";UID=", user);
  }
  void Open() {
    if (options_.access.dsn.empty())
      options_.access.dsn = DsnOf(*server_, Text("SELECT current_database()::text"));
    reader_ = OpenOdbcReader(options_);
  }
  SeenSource SeeOwn() {
    PostgresReaderOptions options;
    options.access.dsn = conninfo_;
    options.keys = options_.keys;
    return SeeSource(*OpenPostgresReader(std::move(options)));
  }
  TableSchema SchemaOf(const std::string& table) { return SchemaOfTable(*reader_, table); }

  OdbcReaderOptions options_;
  std::unique_ptr<SourceReader> reader_;
};

TEST_F(OdbcPostgresTest, EachTypeIsWhatTheReaderOfPostgresSays) {
  Sql("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN d8 AS numeric(8,2); CREATE TYPE comp AS (a "
      "int4, b text);"
      "CREATE TABLE t (id int4 PRIMARY KEY, a bool, b int2, c int8, d oid, e float4, f float8, g "
      "numeric(10,3),"
      "  h numeric, i d8, j text, k varchar(9), l char(6), m uuid, n bytea, o date, p time(3), q "
      "timestamp(2),"
      "  r timestamptz, s interval, u timetz, v money, w inet, x bit(5), y int4[], z jsonb, aa json, ab mood,"
      "  ac comp, ad int4range, ae xml, af name, ag \"char\", ah cidr, ai macaddr, aj tsvector, ak varbit);"
      "INSERT INTO t VALUES (1, true, -32768, 9223372036854775807, 4294967295, 0.1, 0.1, 1234567.891, "
      "  12345678901234567890.12345678901234567890, 1.5, 'ü€😀 ''\"\\?{x}', 'v', 'a', "
      "  'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '\\x00ff41', '2024-02-29', '23:59:59.999', "
      "  '2024-12-31 23:59:59.99', '2024-06-01 12:00:00+05', '1 year 2 days', '12:00:00+02', 12.34, "
      "  '10.0.0.1/8', B'10101', '{1,NULL,3}', '{\"b\": 1, \"a\": [1.50]}', '{\"b\":  1}', 'ok', '(1,x)', "
      "  '[1,5)', '<a>x</a>', 'name', 'c', '10.0.0.0/8', '08:00:2b:01:02:03', 'a fat cat', B'101'),"
      "(2, false, 32767, -9223372036854775808, 0, -0.0, 1.7976931348623157e308, 0, 0.00000001, -0.01, '', '',"
      "  '', '00000000-0000-0000-0000-000000000000', '', '0001-01-01', '00:00', '0001-01-01 00:00:00', "
      "  '9999-12-31 23:59:59.999999+00', '-1 day', '00:00+00', -1, '::1', B'00000', '{}', 'null', 'null', "
      "  'sad', '(,)', 'empty', '<b/>', '', '', '::/0', '00:00:00:00:00:00', '', B''),"
      "(3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, "
      "NULL,"
      "  NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, "
      "NULL,"
      "  NULL, NULL);"
      "INSERT INTO t (id, e, f, h, j, n) VALUES (4, 3.4028235e38, 5e-324, 1e30, E'line\\r\\nnext\\n\\ttab', "
      "decode(repeat('000102fe', 300), 'hex'))");
  ExpectSame(SeeSource(*reader_), SeeOwn());
}

TEST_F(OdbcPostgresTest, ValuesThatDriversMakeOthersOfAreWhatTheyAre) {
  Sql("CREATE TABLE t (id int4 PRIMARY KEY, f float8, g float4, n numeric, m numeric(9,2), o date, p time, "
      "q timestamp, r timestamptz);"
      "INSERT INTO t VALUES (1, 'NaN', 'Infinity', 'NaN', 'NaN', 'infinity', '24:00:00', '-infinity', "
      "'infinity'),"
      "(2, '-Infinity', 'NaN', 'Infinity', 1, '4713-01-01 BC', '00:00', '0044-03-15 12:00:00 BC', "
      "'10000-01-01 00:00:00+00'), (3, 0.1, 0.1, 1.50, 1.5, '2024-01-01', '12:34:56.789', '2024-01-01', "
      "'2024-01-01 00:00:00+02')");
  ExpectSame(SeeSource(*reader_), SeeOwn());
}

TEST_F(OdbcPostgresTest, KeysNamesAndPartsAreThoseOfTheCatalogs) {
  const std::string odd = "Od\"d 'ta.ble\\; ?{fn x} \u00fc", column = "se\"lect %s $1 ? {d '1'} \\";
  Sql("CREATE TABLE " + QuoteName(odd) + " (" + QuoteName(column) + " text PRIMARY KEY, \"%s\" int4[]);" +
      "INSERT INTO " + QuoteName(odd) +
      " VALUES ('k', '{1}'), ('K', NULL);"
      "CREATE TABLE pair (v text, b int4, a text, PRIMARY KEY (a, b) INCLUDE (v)); INSERT INTO pair VALUES "
      "('v', 1, 'a'), ('w', 2, 'A');"
      "CREATE TABLE k (a int4, twice int4 GENERATED ALWAYS AS (a * 2) STORED PRIMARY KEY); INSERT INTO k (a) "
      "VALUES (3);"
      "CREATE TABLE part (id int4, at date, v text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);"
      "CREATE TABLE one PARTITION OF part FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');"
      "INSERT INTO part VALUES (1, '2024-05-05', 'a');"
      "CREATE TABLE p (id int4 PRIMARY KEY); CREATE TABLE c (more text, PRIMARY KEY (id)) INHERITS (p);"
      "INSERT INTO p VALUES (1); INSERT INTO c VALUES (2, 'x'); CREATE TABLE nothing ();"
      "CREATE TABLE given (k int4 NOT NULL, v text); INSERT INTO given VALUES (1, 'a')");
  options_.keys = {{"given", {"K"}}};
  Open();
  ExpectSame(SeeSource(*reader_), SeeOwn());
  EXPECT_EQ(reader_->RepeatedKeysOf("given"), RepeatedKeys::kMistake);
}

TEST_F(OdbcPostgresTest, RowsAreFoundByEachTypeOfKey) {
  Sql("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE EXTENSION citext");
  const std::vector<std::pair<std::string, std::string>> keys = {
      {"bool", "true"},
      {"int2", "-3"},
      {"int8", "9223372036854775807"},
      {"oid", "4294967295"},
      {"float8", "0.1"},
      {"numeric(9,2)", "1.50"},
      {"numeric", "1.50"},
      {"text", "'a b'"},
      {"varchar(5)", "'ü'"},
      {"char(4)", "'a'"},
      {"bytea", "'\\x00ff'"},
      {"date", "'2024-02-29'"},
      {"time", "'12:34:56.5'"},
      {"timestamp", "'2024-01-01 12:00:00.25'"},
      {"timestamptz", "'2024-01-01 12:00:00+02'"},
      {"uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"},
      {"mood", "'ok'"},
      {"citext", "'Ab'"},
      {"inet", "'10.0.0.1'"},
      {"interval", "'1 day'"},
      {"int4[]", "'{1,2}'"},
  };
  for (std::size_t i = 0; i < keys.size(); ++i) {
    Sql(absl::StrCat("CREATE TABLE t", i, " (k ", keys[i].first, " PRIMARY KEY, v text); INSERT INTO t", i,
                     " VALUES (", keys[i].second, ", 'v')"));
  }
  const SeenSource seen = SeeSource(*reader_);
  ExpectSame(seen, SeeOwn());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    SCOPED_TRACE(keys[i].first);
    ExpectRowOfItsKey(*reader_, absl::StrCat("t", i), seen);
  }
}

TEST_F(OdbcPostgresTest, RowsOfOneReadingAreOfOneMoment) {
  Sql("CREATE TABLE t (id int4 PRIMARY KEY, v text); INSERT INTO t SELECT i, 'v' FROM generate_series(1, "
      "20000) i");
  const TableSchema schema = SchemaOf("t");
  auto rows = reader_->Read("t", {0, 1});
  ASSERT_THAT(rows, IsOk());
  RowBlock block = RowBlock::ForAll(schema);
  Pieces pieces;
  ASSERT_THAT((*rows)->Next({1'000'000, 100}, &block, &pieces), IsOkAndHolds(true));
  Sql("UPDATE t SET v = 'w'; DELETE FROM t WHERE id > 10000");
  std::size_t old = 0;
  for (absl::StatusOr<bool> more = true; *more;) {
    block.Clear();
    more = (*rows)->Next({}, &block, &pieces);
    ASSERT_THAT(more, IsOk());
    SeenRows shown;
    AppendRows(block, &shown);
    for (const auto& row : shown) old += row[1] == "t:v" ? 1 : 0;
  }
  EXPECT_EQ(old, 19'900U);
  ExpectSame(SeeSource(*reader_), SeeOwn());
}

TEST_F(OdbcPostgresTest, ATableThatIsChangedIsLookedAtAgain) {
  const std::vector<std::string> changes = {"ALTER TABLE t ADD more text",
                                            "ALTER TABLE t RENAME v TO w",
                                            "ALTER TABLE t ALTER v TYPE varchar(9)",
                                            "ALTER TABLE t DROP CONSTRAINT t_pkey",
                                            "ALTER TABLE t ALTER v SET NOT NULL",
                                            "DROP TABLE t",
                                            "DROP TABLE t; CREATE TABLE t (id int4 PRIMARY KEY, v text)"};
  for (const std::string& change : changes) {
    SCOPED_TRACE(change);
    Sql("DROP TABLE IF EXISTS t; CREATE TABLE t (id int4 PRIMARY KEY, v text); INSERT INTO t VALUES (1, "
        "'a')");
    const TableSchema schema = SchemaOf("t");
    auto rows = reader_->Read("t", {0, 1});
    ASSERT_THAT(rows, IsOk());
    Sql(change);
    RowBlock block = RowBlock::ForAll(schema);
    Pieces pieces;
    EXPECT_EQ((*rows)->Next({}, &block, &pieces).status().code(), absl::StatusCode::kAborted);
  }
}

TEST_F(OdbcPostgresTest, LongValuesTravelInParts) {
  Sql("CREATE TABLE t (id int4 PRIMARY KEY, b bytea, v text, j jsonb);"
      "INSERT INTO t SELECT 1, decode(repeat('00ff', 5000000), 'hex'), repeat('\u00fcx', 3000000), "
      "to_jsonb(repeat('y', 9000000)); INSERT INTO t VALUES (2, '', '', NULL);"
      "INSERT INTO t SELECT i, decode(repeat('0a', i), 'hex'), repeat('\u00fc', i) FROM "
      "unnest(ARRAY[509,510,511,512,513,2047,2048,2049,300000]) i");
  const SeenSource seen = SeeSource(*reader_), own = SeeOwn();
  EXPECT_EQ(seen.at("t").digest, own.at("t").digest);
  EXPECT_EQ(seen.at("t").rows, own.at("t").rows);
}

TEST_F(OdbcPostgresTest, WhatTheRoleLacksIsSaid) {
  Sql("CREATE TABLE t (id int4 PRIMARY KEY, v text); CREATE TABLE u (id int4 PRIMARY KEY); "
      "DROP ROLE IF EXISTS odbc_lacks; CREATE ROLE odbc_lacks LOGIN; GRANT SELECT ON t TO odbc_lacks;"
      "ALTER TABLE u ENABLE ROW LEVEL SECURITY");
  options_.access.dsn = DsnOf(*server_, Text("SELECT current_database()::text"), "odbc_lacks");
  Open();
  const SeenSource seen = SeeSource(*reader_);
  EXPECT_EQ(seen.at("t").table.problem, "");
  EXPECT_THAT(seen.at("u").table.problem, HasSubstr("row security"));
  Sql("REVOKE SELECT ON t FROM odbc_lacks");
  EXPECT_THAT(SeeSource(*reader_).at("t").table.problem, HasSubstr("GRANT SELECT ON \"public\".\"t\" TO"));
}

TEST_F(OdbcPostgresTest, TheDatabaseIsThatWhichTheReaderOfPostgresKnows) {
  Sql("CREATE TABLE t (id int4 PRIMARY KEY)");
  PostgresReaderOptions options;
  options.access.dsn = conninfo_;
  const auto own = OpenPostgresReader(std::move(options));
  ASSERT_THAT(own->Schema(), IsOk());
  ASSERT_THAT(reader_->Schema(), IsOk());
  EXPECT_EQ(reader_->Mark().database, own->Mark().database);
  EXPECT_NE(reader_->Mark().path, "");
}

TEST_F(OdbcPostgresTest, AConnectionThatIsLostSaysWhatToDo) {
  Sql("CREATE TABLE t (id int4 PRIMARY KEY, v text); "
      "INSERT INTO t SELECT i, repeat('x', 10000) FROM generate_series(1, 5000) i");
  const TableSchema schema = SchemaOf("t");
  auto rows = reader_->Read("t", {0, 1});
  ASSERT_THAT(rows, IsOk());
  RowBlock block = RowBlock::ForAll(schema);
  Pieces pieces;
  ASSERT_THAT((*rows)->Next({1, 1}, &block, &pieces), IsOkAndHolds(true));
  Text(
      "SELECT count(pg_terminate_backend(pid, 5000))::text FROM pg_stat_activity WHERE pid <> "
      "pg_backend_pid() "
      "AND datname = current_database()");
  absl::StatusOr<bool> more = true;
  while (more.ok() && *more) {
    block.Clear();
    more = (*rows)->Next({}, &block, &pieces);
  }
  EXPECT_THAT(more, StatusIs(absl::StatusCode::kUnavailable,
                             AllOf(HasSubstr("table 't'"), HasSubstr("the next run reads it"))));
  rows->reset();
  EXPECT_THAT(reader_->CountRows("t"), IsOkAndHolds(5000U)) << "another session is opened";
}

TEST_F(OdbcPostgresTest, AServerThatIsKilledIsReadAgainWhenItIsBack) {
  const auto started = PostgresServer::Start();
  ASSERT_THAT(started, IsOk());
  PostgresServer& server = **started;
  connection_ = Connect(server.Conninfo());
  Sql("CREATE TABLE public.t (id int4 PRIMARY KEY, v text); INSERT INTO public.t SELECT i, repeat('x', "
      "10000) "
      "FROM generate_series(1, 5000) i");
  options_.access.dsn = DsnOf(server, "postgres");
  Open();
  const TableSchema schema = SchemaOf("t");
  auto rows = reader_->Read("t", {0, 1});
  ASSERT_THAT(rows, IsOk());
  RowBlock block = RowBlock::ForAll(schema);
  Pieces pieces;
  ASSERT_THAT((*rows)->Next({1, 1}, &block, &pieces), IsOkAndHolds(true));
  server.Kill();
  absl::StatusOr<bool> more = true;
  while (more.ok() && *more) {
    block.Clear();
    more = (*rows)->Next({}, &block, &pieces);
  }
  EXPECT_EQ(more.status().code(), absl::StatusCode::kUnavailable) << more.status();
  EXPECT_EQ(reader_->CountRows("t").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(reader_->Schema().status().code(), absl::StatusCode::kUnavailable);
  ASSERT_THAT(server.StartAgain(), IsOk());
  ASSERT_THAT(reader_->Schema(), IsOk());
  EXPECT_THAT(reader_->CountRows("t"), IsOkAndHolds(5000U));
}

TEST_F(OdbcPostgresTest, AScanFromAValueGivesWhatIsThereOrGreater) {
  Sql("CREATE TABLE t (id int4 PRIMARY KEY, n int4, at timestamp, v text, d numeric(6,2), f float8);"
      "INSERT INTO t VALUES (1, 5, '2024-01-01', 'a', 9.00, 1), (2, 6, '2024-01-02', 'B', 10.00, 2),"
      "(3, NULL, NULL, NULL, NULL, NULL), (4, 7, '2024-01-03', '\u00e4', 8.00, 3)");
  SchemaOf("t");
  const auto integer = [](std::int64_t value) { return KeyPart{.kind = Kind::kInteger, .integer = value}; };
  const auto text = [](const std::string& value) { return KeyPart{.kind = Kind::kText, .bytes = value}; };
  const std::vector<SeenBound> bounds = {
      {1, integer(6), {2, 4}},     {1, integer(INT64_MIN), {1, 2, 4}},
      {1, integer(INT64_MAX), {}}, {1, {.kind = Kind::kReal, .real = 5.5}, {2, 4}},
      {1, text("a"), {}},          {2, integer(638396640000000000 + 864000000000), {2, 4}},
      {3, text("a"), {1, 4}},      {3, text("B"), {1, 2, 4}},
      {4, text("8.5"), {1, 2}},    {4, integer(10), {2}},
      {5, integer(2), {2, 4}},
  };
  ExpectScansFrom(*reader_, "t", bounds);
  const auto facts = reader_->LookAtColumn("t", 2);
  ASSERT_THAT(facts, IsOk());
  EXPECT_EQ(facts->nulls, 1U);
  EXPECT_EQ(facts->greatest.integer - facts->least.integer, 2 * 864000000000);
}

TEST_F(OdbcPostgresTest, CatalogsOfManyTablesAreQuick) {
  std::string sql;
  for (int i = 0; i < 429; ++i) {
    absl::StrAppend(&sql, "CREATE TABLE t", i,
                    " (id int4 PRIMARY KEY, a text, b numeric(8,2), c timestamptz);");
  }
  Sql(sql);
  const auto begun = std::chrono::steady_clock::now();
  const auto schema = reader_->Schema();
  ASSERT_THAT(schema, IsOk());
  EXPECT_EQ(schema->tables.size(), 429U);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
}

TEST_F(OdbcPostgresTest, TheDoctorTriesEachChosenTable) {
  Sql("CREATE TABLE a (id int4 PRIMARY KEY); CREATE TABLE b (id int4 PRIMARY KEY, v text);"
      "CREATE TABLE \"odd \"\"one\" (id int4 PRIMARY KEY); CREATE ROLE odbc_least LOGIN;"
      "GRANT SELECT ON a TO odbc_least; GRANT SELECT (id) ON b TO odbc_least");
  OdbcCheckOptions check;
  check.access.dsn = DsnOf(*server_, Text("SELECT current_database()::text"), "odbc_least");
  const auto said = [&check] {
    std::string words;
    const SourceFindings findings = CheckOdbcSource(check);
    for (const SourceFinding& one : findings.all())
      absl::StrAppend(&words, one.next.empty() ? "ok " : "bad ", one.step, ": ", one.words, " DO ", one.next,
                      "\n");
    return words;
  };
  EXPECT_THAT(said(),
              AllOf(HasSubstr("ok reach: "),
                    HasSubstr("bad right SELECT: the user 'odbc_least' may not read 2 tables: b, odd "),
                    HasSubstr("GRANT SELECT ON ")));
  check.choice.include = {"a"};
  EXPECT_THAT(said(), HasSubstr("ok right SELECT: on 1 table"));
  check.choice.include = {"none"};
  EXPECT_THAT(said(), HasSubstr("bad tables: no table that the user may see is chosen"));
  check.access.dsn = DsnOf(*server_, "nosuch", "odbc_least");
  EXPECT_EQ(CheckOdbcSource(check).all().size(), 1U) << "it is not reached";
  check.access.dsn = absl::StrCat("DRIVER=", PostgresOdbcDriver(), ";SERVER=/nowhere;DATABASE=crm;UID=x");
  EXPECT_THAT(said(), AllOf(HasSubstr("bad reach: "), HasSubstr("The mirror stays unchanged")));
  Sql("DROP OWNED BY odbc_least; DROP ROLE odbc_least");
}

TEST_F(OdbcPostgresTest, WhoLacksAPasswordIsToldWhereItGoes) {
  Sql("CREATE ROLE odbc_asked LOGIN PASSWORD 'geheim'");
  const std::string rules = Text("SHOW hba_file");
  std::ifstream in(rules);
  const std::string before{std::istreambuf_iterator<char>(in), {}};
  std::ofstream(rules) << "local all odbc_asked scram-sha-256\n" << before;
  Sql("SELECT pg_reload_conf()");
  options_.access.dsn = DsnOf(*server_, Text("SELECT current_database()::text"), "odbc_asked");
  Open();
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  absl::Status refused = reader_->Schema().status();
  // The server hears of its rules when it takes the signal.
  while (refused.message().find("'password_file'") == absl::string_view::npos) {
    ASSERT_LT(std::chrono::steady_clock::now(), until) << refused;
    refused = reader_->Schema().status();
  }
  const TempFolder folder;
  options_.access.password_file = folder / "odbc.pw";
  std::ofstream(options_.access.password_file) << "wrong\n";
  std::filesystem::permissions(options_.access.password_file,
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  Open();
  EXPECT_THAT(std::string(reader_->Schema().status().message()),
              HasSubstr("Correct the password in the file"));
  std::ofstream(rules) << before;
  Sql("SELECT pg_reload_conf(); DROP ROLE odbc_asked");
}

TEST_F(OdbcPostgresTest, AnErrorRepeatsNoPassword) {
  options_.access.dsn += ";PWD=geheim";
  Open();
  EXPECT_THAT(reader_->Schema().status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("password_file"), testing::Not(HasSubstr("geheim")))));
}

TEST_F(OdbcPostgresTest, WithTheGenericDialectTypesAreThoseOfTheDriver) {
  Sql("CREATE TABLE t (id int4 PRIMARY KEY, a bool, b int8, c numeric(8,2), d text, e bytea, f date, g "
      "timestamp, "
      "h uuid, i float8); INSERT INTO t VALUES (1, true, 5, 1.5, '\u00fc', '\\x00ff', '2024-01-02', "
      "'2024-01-02 03:04:05.5', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 0.5), "
      "(2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);"
      "INSERT INTO t (id, d) SELECT i, 'v' || i FROM generate_series(3, 25000) i");
  options_.access.dialect = OdbcDialectKind::kGeneric;
  options_.access.schema = "public";
  Open();
  const SeenSource seen = SeeSource(*reader_);
  const SeenTable& table = seen.at("t");
  EXPECT_EQ(table.table.problem, "");
  EXPECT_THAT(table.table.schema.Key(), ElementsAre(0U));
  EXPECT_EQ(table.rows.size(), 25'000U);
  const auto first =
      std::find_if(table.rows.begin(), table.rows.end(), [](const auto& row) { return row[0] == "i:1"; });
  ASSERT_NE(first, table.rows.end());
  EXPECT_THAT(*first, ElementsAre("i:1", testing::_, "i:5", "t:1.50", "t:\u00fc", testing::_, testing::_,
                                  testing::_, testing::_, "r:0.5"));
  auto rows =
      reader_->RowsOf("t", {0, 4}, {{{.kind = Kind::kInteger, .integer = 7}}, {{.kind = Kind::kInteger}}});
  ASSERT_THAT(rows, IsOk());
  Pieces pieces;
  const absl::StatusOr<ChangePiece> piece = (*rows)->Next({}, &pieces);
  ASSERT_THAT(piece, IsOk());
  EXPECT_EQ(piece->blocks.size(), 1U);
}

}  // namespace
}  // namespace mirror::odbc_postgres_test
