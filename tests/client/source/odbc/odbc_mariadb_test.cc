#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/mariadb/connection.h"
#include "client/source/mariadb/mariadb_reader.h"
#include "client/source/odbc/odbc_reader.h"
#include "tests/client/source/heap_bytes.h"
#include "tests/client/source/odbc/same_source.h"
#include "tests/support/mariadb/mariadb_server.h"
#include "tests/support/odbc/odbc_driver.h"

namespace mirror::odbc_mariadb_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class OdbcMariadbTest : public testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_MARIADB();
    SKIP_WITHOUT_ODBC(MariadbOdbcDriver());
    server_ = MariadbServer::Shared();
    ASSERT_NE(server_, nullptr);
    database_ = server_->NewDatabase();
    Use(*server_);
  }
  void Use(const MariadbServer& server) {
    auto opened = mariadb::Connection::Open({.dsn = server.Dsn(database_)});
    ASSERT_THAT(opened, IsOk());
    connection_ = *std::move(opened);
    own_dsn_ = server.Dsn(database_);
    options_.access.dsn = absl::StrCat("DRIVER=", MariadbOdbcDriver(), ";SOCKET=", server.socket(),
                                       ";UID=root;DATABASE=", database_);
    reader_ = OpenOdbcReader(options_);
  }
  void Sql(const std::string& sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()) << sql; }
  void Open() { reader_ = OpenOdbcReader(options_); }
  SeenSource SeeOwn() {
    MariadbReaderOptions options;
    options.access.dsn = own_dsn_;
    options.keys = options_.keys;
    return SeeSource(*OpenMariadbReader(std::move(options)));
  }
  TableSchema SchemaOf(const std::string& table) { return SchemaOfTable(*reader_, table); }

  MariadbServer* server_ = nullptr;
  std::string database_, own_dsn_;
  std::unique_ptr<mariadb::Connection> connection_;
  OdbcReaderOptions options_;
  std::unique_ptr<SourceReader> reader_;
};

TEST_F(OdbcMariadbTest, EachTypeIsWhatTheReaderOfMariadbSays) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, a TINYINT(1), b TINYINT UNSIGNED, c SMALLINT UNSIGNED, d "
      "MEDIUMINT, "
      "e INT UNSIGNED, f BIGINT, g BIGINT UNSIGNED, h FLOAT, i DOUBLE, j DECIMAL(20,4), k YEAR, l BIT(8), "
      "m BIT(64), n DATE, o DATETIME(6), p TIMESTAMP(3) NULL, q TIME(2), r CHAR(5), s VARCHAR(20), t TEXT, "
      "u BINARY(4), v VARBINARY(9), w BLOB, x ENUM('a','b'), y SET('x','y'), z JSON, aa UUID, ab INET6, "
      "ac VARCHAR(9) CHARACTER SET latin1, ad GEOMETRY, ae INT ZEROFILL, af DECIMAL(8,2) ZEROFILL, "
      "ag BIGINT UNSIGNED ZEROFILL, ah DOUBLE(8,2), ai INET4)");
  Sql("INSERT INTO t VALUES (1, 1, 255, 65535, -8388608, 4294967295, 9223372036854775807, "
      "18446744073709551615, 16777215, 0.1, 1234567890.1234, 2024, b'10101010', b'1', '2024-02-29', "
      "'2024-12-31 23:59:59.999999', '2024-06-01 12:00:00.125', '-838:59:59', 'a', '\u00fc\u20ac', "
      "'line\\r\\n\\t\\\\', x'41', x'00ff41', x'00ff00', 'b', 'x,y', '{\"a\": 1.50}', "
      "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '::1', 'caf\u00e9', ST_GeomFromText('POINT(1 2)'), 42, 1.5, "
      "7, "
      "1.25, '10.0.0.1'),"
      "(2, 0, 0, 0, 0, 0, -9223372036854775808, 0, 0.1, -1.7976931348623157e308, -0.0001, 1901, b'0', "
      "b'1111111111111111111111111111111111111111111111111111111111111111', '0001-01-01', "
      "'9999-12-31 00:00:00', '1970-01-01 00:00:01', '838:59:59', '', '', '', '', '', '', 'a', '', '[]', "
      "'00000000-0000-0000-0000-000000000000', '::', '', NULL, 0, 0, 18446744073709551615, 0, '0.0.0.0')");
  Sql("INSERT INTO t (id) VALUES (3)");
  Sql("INSERT INTO t (id, h, i, t, w) VALUES (4, 3.4028234e38, 5e-324, "
      "REPEAT('\u00fc\u20ac\xf0\x9f\x98\x80', 3000), "
      "REPEAT(x'00ff', 4000))");
  ExpectSame(SeeSource(*reader_), SeeOwn());
}

TEST_F(OdbcMariadbTest, DatesThatDriversMakeOthersOfAreWhatTheyAre) {
  Sql("SET SESSION sql_mode = ''");
  Sql("CREATE TABLE t (id INT PRIMARY KEY, a DATE NOT NULL, b DATETIME, c TIMESTAMP NULL, d DATE)");
  Sql("INSERT INTO t VALUES (1, '0000-00-00', '0000-00-00 00:00:00', '0000-00-00 00:00:00', '2024-00-00'), "
      "(2, '2024-01-01', '2024-01-01', '2024-01-01', NULL)");
  ExpectSame(SeeSource(*reader_), SeeOwn());
}

TEST_F(OdbcMariadbTest, KeysAndNamesAreThoseOfTheCatalogs) {
  Sql("CREATE TABLE `Od\"d 'ta`` ?{fn x} \u00fc` (`se``lect ? {d '1'}` VARCHAR(9) COLLATE utf8mb4_bin "
      "PRIMARY KEY, v INT)");
  Sql("INSERT INTO `Od\"d 'ta`` ?{fn x} \u00fc` VALUES ('k', 1), ('K', NULL)");
  Sql("CREATE TABLE pair (v INT, b INT, a VARCHAR(9), PRIMARY KEY (a, b))");
  Sql("INSERT INTO pair VALUES (1, 1, 'a'), (2, 2, 'A')");
  Sql("CREATE TABLE computed (a INT PRIMARY KEY, twice INT AS (a * 2) STORED)");
  Sql("INSERT INTO computed (a) VALUES (1)");
  Sql("CREATE TABLE old (a INT PRIMARY KEY) WITH SYSTEM VERSIONING");
  Sql("INSERT INTO old VALUES (1), (2)");
  Sql("DELETE FROM old WHERE a = 1");
  Sql("CREATE TABLE isam (a INT PRIMARY KEY, v TEXT) ENGINE = MyISAM");
  Sql("INSERT INTO isam VALUES (1, 'x')");
  Sql("CREATE TABLE given (k INT NOT NULL, v TEXT)");
  Sql("INSERT INTO given VALUES (1, 'a')");
  options_.keys = {{"given", {"k"}}};
  Open();
  ExpectSame(SeeSource(*reader_), SeeOwn());
  EXPECT_EQ(reader_->RepeatedKeysOf("given"), RepeatedKeys::kMistake);
}

TEST_F(OdbcMariadbTest, RowsAreFoundByEachTypeOfKey) {
  const std::vector<std::pair<std::string, std::string>> keys = {
      {"TINYINT", "-3"},
      {"BIGINT", "9223372036854775807"},
      {"BIGINT UNSIGNED", "18446744073709551615"},
      {"DOUBLE", "0.1"},
      {"DECIMAL(9,2)", "1.50"},
      {"VARCHAR(9)", "'a b'"},
      {"VARCHAR(9) CHARACTER SET latin1", "'\u00fc'"},
      {"CHAR(4)", "'a'"},
      {"VARBINARY(9)", "x'00ff'"},
      {"BINARY(4)", "x'00ff'"},
      {"DATE", "'2024-02-29'"},
      {"TIME", "'12:34:56'"},
      {"DATETIME(3)", "'2024-01-01 12:00:00.250'"},
      {"TIMESTAMP", "'2024-01-01 12:00:00'"},
      {"UUID", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"},
      {"ENUM('a','b')", "'b'"},
      {"INET6", "'::1'"},
      {"BIT(9)", "b'101'"},
      {"YEAR", "2024"},
  };
  for (std::size_t i = 0; i < keys.size(); ++i) {
    Sql(absl::StrCat("CREATE TABLE t", i, " (k ", keys[i].first, " PRIMARY KEY, v TEXT)"));
    Sql(absl::StrCat("INSERT INTO t", i, " VALUES (", keys[i].second, ", 'v')"));
  }
  const SeenSource seen = SeeSource(*reader_);
  ExpectSame(seen, SeeOwn());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    SCOPED_TRACE(keys[i].first);
    ExpectRowOfItsKey(*reader_, absl::StrCat("t", i), seen);
  }
}

TEST_F(OdbcMariadbTest, RowsOfOneReadingAreOfOneMomentAndNeverAllInMemory) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(9), more TEXT)");
  Sql("INSERT INTO t SELECT seq, 'v', REPEAT('x', 500) FROM seq_1_to_100000");
  const TableSchema schema = SchemaOf("t");
  const std::size_t before = HeapBytes();
  std::size_t most = before;
  auto rows = reader_->Read("t", {0, 1, 2});
  ASSERT_THAT(rows, IsOk());
  RowBlock block = RowBlock::ForAll(schema);
  Pieces pieces;
  ASSERT_THAT((*rows)->Next({1'000'000, 100}, &block, &pieces), IsOkAndHolds(true));
  Sql("UPDATE t SET v = 'w'");
  Sql("DELETE FROM t WHERE id > 50000");
  std::size_t old = block.rows();
  for (absl::StatusOr<bool> more = true; *more;) {
    block.Clear();
    more = (*rows)->Next({}, &block, &pieces);
    ASSERT_THAT(more, IsOk());
    most = std::max(most, HeapBytes());
    std::size_t at = 0;
    for (std::size_t row = 0; row < block.rows(); ++row, ++at)
      old += block.columns[1].data()[at] == 'v' ? 1 : 0;
  }
  EXPECT_EQ(old, 100'000U);
  EXPECT_LT(most - before, 30'000'000U) << "of 50 MB of rows";
}

TEST_F(OdbcMariadbTest, PagesByEachTypeOfKeyAreOneTable) {
  Sql("SET SESSION sql_mode = ''");
  const std::vector<std::pair<std::string, std::string>> keys = {
      {"INT", "CAST(seq AS SIGNED) - 7"},
      {"BIGINT UNSIGNED", "18446744073709551615 - seq"},
      {"DOUBLE", "seq / 3"},
      {"DECIMAL(30,10)", "seq / 3"},
      {"VARCHAR(9)", "ELT(1 + seq % 4, 'a', 'B', '\u00e4x', 'z')"},
      {"VARCHAR(9) COLLATE utf8mb4_bin", "ELT(1 + seq % 4, 'a', 'B', '\u00e4x', 'A')"},
      {"VARCHAR(9) CHARACTER SET latin1", "ELT(1 + seq % 3, 'a', 'B', '\u00e4')"},
      {"VARBINARY(9)", "ELT(1 + seq % 3, x'00', x'ff00', x'')"},
      {"DATE", "ELT(1 + seq % 3, '0000-00-00', '2024-00-00', '2024-02-29')"},
      {"DATETIME(6)", "ELT(1 + seq % 3, '0000-00-00', '2024-01-01 12:00:00.000001', '2024-02-29')"},
      {"TIMESTAMP(3)", "ELT(1 + seq % 3, '0000-00-00', '2024-01-01 12:00:00.001', '2024-02-29')"},
      {"TIME(3)", "ELT(1 + seq % 3, '-838:59:59', '00:00:00.5', '838:59:59')"},
      {"UUID",
       "ELT(1 + seq % 2, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '00eebc99-9c0b-1ef8-bb6d-6bb9bd380a11')"},
      {"ENUM('z','a','m')", "ELT(1 + seq % 3, 'a', 'm', 'z')"},
      {"SET('z','a')", "ELT(1 + seq % 4, 'a', 'a,z', 'z', '')"},
      {"INET6", "ELT(1 + seq % 3, '::1', '::', 'ff::')"},
      {"BIT(9)", "seq % 4"},
      {"YEAR", "2000 + seq % 4"},
  };
  for (std::size_t i = 0; i < keys.size(); ++i) {
    Sql(absl::StrCat("CREATE TABLE t", i, " (n INT, k ", keys[i].first, ", PRIMARY KEY (k, n))"));
    Sql(absl::StrCat("INSERT INTO t", i, " SELECT seq, ", keys[i].second, " FROM seq_1_to_20"));
  }
  options_.access.page_rows = 3;
  Open();
  const SeenSource seen = SeeSource(*reader_);
  for (const auto& [name, table] : seen) EXPECT_EQ(table.rows.size(), 20U) << name;
  ExpectSame(seen, SeeOwn());
}

TEST_F(OdbcMariadbTest, ATableThatIsChangedIsLookedAtAgain) {
  for (const char* const change :
       {"ALTER TABLE t ADD more TEXT", "ALTER TABLE t CHANGE v w VARCHAR(20)",
        "ALTER TABLE t MODIFY v VARCHAR(9)", "ALTER TABLE t DROP PRIMARY KEY", "DROP TABLE t"}) {
    SCOPED_TRACE(change);
    Sql("CREATE OR REPLACE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))");
    Sql("INSERT INTO t VALUES (1, 'a')");
    const TableSchema schema = SchemaOf("t");
    auto rows = reader_->Read("t", {0, 1});
    ASSERT_THAT(rows, IsOk());
    Sql(change);
    RowBlock block = RowBlock::ForAll(schema);
    Pieces pieces;
    EXPECT_EQ((*rows)->Next({}, &block, &pieces).status().code(), absl::StatusCode::kAborted);
  }
}

TEST_F(OdbcMariadbTest, LongValuesTravelInParts) {
  Sql("SET GLOBAL max_allowed_packet = 67108864");
  Use(*server_);
  Sql("CREATE TABLE t (id INT PRIMARY KEY, b LONGBLOB, v LONGTEXT)");
  Sql("INSERT INTO t VALUES (1, REPEAT(x'00ff', 5000000), REPEAT('\u00fcx', 3000000)), (2, '', '')");
  Sql("INSERT INTO t SELECT seq, REPEAT(x'0a', seq), REPEAT('\u00fc', seq) FROM seq_505_to_520");
  Sql("INSERT INTO t VALUES (300000, REPEAT(x'0a', 300000), REPEAT('\u00fc', 300000))");
  const SeenSource seen = SeeSource(*reader_), own = SeeOwn();
  EXPECT_EQ(seen.at("t").digest, own.at("t").digest);
  EXPECT_EQ(seen.at("t").rows, own.at("t").rows);
}

TEST_F(OdbcMariadbTest, AServerThatIsKilledIsReadAgainWhenItIsBack) {
  const auto started = MariadbServer::Start();
  ASSERT_THAT(started, IsOk());
  MariadbServer& server = **started;
  database_ = server.NewDatabase();
  options_.access.page_rows = 1'000;
  Use(server);
  Sql("CREATE TABLE t (id INT PRIMARY KEY, v TEXT)");
  Sql("INSERT INTO t SELECT seq, REPEAT('x', 10000) FROM seq_1_to_5000");
  const TableSchema schema = SchemaOf("t");
  const std::string identity = reader_->Mark().database;
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
  EXPECT_THAT(more, StatusIs(absl::StatusCode::kUnavailable,
                             AllOf(HasSubstr("table 't'"), HasSubstr("the next run reads it"))));
  rows->reset();
  EXPECT_EQ(reader_->CountRows("t").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(reader_->Schema().status().code(), absl::StatusCode::kUnavailable);
  ASSERT_THAT(server.StartAgain(), IsOk());
  ASSERT_THAT(reader_->Schema(), IsOk());
  EXPECT_EQ(reader_->Mark().database, identity);
  EXPECT_THAT(reader_->CountRows("t"), IsOkAndHolds(5000U));
}

TEST_F(OdbcMariadbTest, AScanFromAValueGivesWhatIsThereOrGreater) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, n INT, at DATETIME, v VARCHAR(9), d DECIMAL(6,2), f DOUBLE)");
  Sql("INSERT INTO t VALUES (1, 5, '2024-01-01', 'a', 9.00, 1), (2, 6, '2024-01-02', 'B', 10.00, 2),"
      "(3, NULL, NULL, NULL, NULL, NULL), (4, 7, '2024-01-03', '\u00e4', 8.00, 3)");
  SchemaOf("t");
  const auto integer = [](std::int64_t value) { return KeyPart{.kind = Kind::kInteger, .integer = value}; };
  const auto text = [](const std::string& value) { return KeyPart{.kind = Kind::kText, .bytes = value}; };
  const std::vector<SeenBound> bounds = {
      {1, integer(6), {2, 4}},
      {1, integer(INT64_MIN), {1, 2, 4}},
      {1, integer(INT64_MAX), {}},
      {2, integer(638396640000000000 + 864000000000), {2, 4}},
      {2, integer(INT64_MIN), {1, 2, 4}},
      {3, text("a"), {1, 4}},
      {3, text("B"), {1, 2, 4}},
      {4, text("8.5"), {1, 2}},
      {4, integer(10), {2}},
      {5, integer(2), {2, 4}},
  };
  ExpectScansFrom(*reader_, "t", bounds);
  const auto facts = reader_->LookAtColumn("t", 2);
  ASSERT_THAT(facts, IsOk());
  EXPECT_EQ(facts->nulls, 1U);
  EXPECT_EQ(facts->greatest.integer - facts->least.integer, 2 * 864000000000);
}

TEST_F(OdbcMariadbTest, WhatTheUserLacksIsSaid) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, v TEXT)");
  Sql("CREATE OR REPLACE USER odbc_lacks@localhost");
  Sql("CREATE TABLE u (id INT PRIMARY KEY, v TEXT)");
  Sql("GRANT SELECT (id) ON t TO odbc_lacks@localhost");
  Sql("GRANT SELECT (v) ON u TO odbc_lacks@localhost");
  options_.access.dsn = absl::StrCat("DRIVER=", MariadbOdbcDriver(), ";SOCKET=", server_->socket(),
                                     ";UID=odbc_lacks;DATABASE=", database_);
  Open();
  const auto schema = reader_->Schema();
  ASSERT_THAT(schema, IsOk());
  ASSERT_EQ(schema->tables.size(), 2U);
  EXPECT_THAT(schema->tables[1].problem, HasSubstr("GRANT SELECT ON `u`"));
  // That there is a column behind it is told by the server alone.
  const absl::Status refused = ReadAll(*reader_, schema->tables[0].schema).status;
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("right to SELECT")));
}

TEST_F(OdbcMariadbTest, APasswordIsReadFromItsFileAtEachConnect) {
  Sql("CREATE OR REPLACE USER odbc_pass@localhost IDENTIFIED BY 'ge;he}im'");
  Sql(absl::StrCat("GRANT SELECT ON ", database_, ".* TO odbc_pass@localhost"));
  const TempFolder folder;
  options_.access.dsn = absl::StrCat("DRIVER=", MariadbOdbcDriver(), ";SOCKET=", server_->socket(),
                                     ";UID=odbc_pass;DATABASE=", database_);
  options_.access.password_file = folder / "odbc.pw";
  std::ofstream(options_.access.password_file) << "wrong\n";
  std::filesystem::permissions(options_.access.password_file,
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  Open();
  const absl::Status refused = reader_->Schema().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied) << refused;
  EXPECT_THAT(std::string(refused.message()),
              AllOf(testing::Not(HasSubstr("wrong")), HasSubstr("Correct the password in the file")));
  const std::string file = std::exchange(options_.access.password_file, "");
  Open();
  EXPECT_THAT(reader_->Schema().status(),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("name that as 'password_file'")));
  options_.access.password_file = file;
  Open();
  std::ofstream(options_.access.password_file) << "ge;he}im\n";
  EXPECT_THAT(reader_->Schema(), IsOk());
}

TEST_F(OdbcMariadbTest, CatalogsOfManyTablesAreQuick) {
  for (int i = 0; i < 200; ++i)
    Sql(absl::StrCat("CREATE TABLE t", i, " (id INT PRIMARY KEY, a TEXT, b DECIMAL(8,2), c DATETIME)"));
  const auto begun = std::chrono::steady_clock::now();
  const auto schema = reader_->Schema();
  ASSERT_THAT(schema, IsOk());
  EXPECT_EQ(schema->tables.size(), 200U);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
}

TEST_F(OdbcMariadbTest, WithTheGenericDialectTypesAreThoseOfTheDriver) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, a BIGINT, b DECIMAL(8,2), c VARCHAR(20), d VARBINARY(9), e DATE, "
      "f DATETIME, g DOUBLE)");
  Sql("INSERT INTO t VALUES (1, 5, 1.5, '\u00fc', x'00ff', '2024-01-02', '2024-01-02 03:04:05', 0.5)");
  options_.access.dialect = OdbcDialectKind::kGeneric;
  options_.access.dsn += ";CHARSET=utf8mb4";
  Open();
  const SeenSource seen = SeeSource(*reader_);
  const SeenTable& table = seen.at("t");
  EXPECT_EQ(table.table.problem, "");
  EXPECT_THAT(table.table.schema.Key(), ElementsAre(0U));
  ASSERT_EQ(table.rows.size(), 1U);
  EXPECT_THAT(table.rows[0],
              ElementsAre("i:1", "i:5", "t:1.50", "t:\u00fc", testing::_, testing::_, testing::_, "r:0.5"));
}

}  // namespace
}  // namespace mirror::odbc_mariadb_test
