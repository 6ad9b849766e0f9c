#include <gmock/gmock.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <random>

#include "absl/strings/str_cat.h"
#include "client/source/odbc/odbc_reader.h"
#include "client/source/sqlite/sqlite_reader.h"
#include "tests/client/source/odbc/same_source.h"
#include "tests/support/odbc/odbc_driver.h"
#include "tests/support/places.h"
#include "tests/support/rows.h"

namespace mirror::odbc_sqlite_test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

std::string ShortestReal(double real) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), real).ptr};
}

class OdbcSqliteTest : public testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_ODBC(SqliteOdbcDriver());
    path_ = folder_ / "source.db";
  }
  void Open(OdbcDialectKind dialect = OdbcDialectKind::kAuto) {
    options_.access.dsn = absl::StrCat("DRIVER=", SqliteOdbcDriver(), ";DATABASE=", path_);
    options_.access.dialect = dialect;
    reader_ = OpenOdbcReader(options_);
  }
  SeenSource SeeOwn() {
    SqliteReaderOptions options;
    options.path = path_;
    options.keys = options_.keys;
    return SeeSource(*OpenSqliteReader(std::move(options)));
  }

  TempFolder folder_;
  std::string path_;
  OdbcReaderOptions options_;
  std::unique_ptr<SourceReader> reader_;
};

TEST_F(OdbcSqliteTest, ChinookIsWhatTheReaderOfSqliteSays) {
  path_ = absl::StrCat(SourceDir(), "/tests/data/chinook.sqlite");
  Open();
  const SeenSource own = SeeOwn();
  EXPECT_GE(own.size(), 10U);
  ExpectSame(SeeSource(*reader_), own);
  EXPECT_THAT(reader_->Mark().database, HasSubstr("chinook.sqlite"));
}

TEST_F(OdbcSqliteTest, EachKindOfValueIsAsItStands) {
  Sql(path_,
      "CREATE TABLE t (id INTEGER PRIMARY KEY, i INT, r REAL, t TEXT, n NUMERIC, b BLOB, x, d DATE);"
      "INSERT INTO t VALUES (1, 9223372036854775807, 0.1, 'a', 1.5, x'00ff', 'x', '2024-01-01');"
      "INSERT INTO t VALUES (2, -9223372036854775807 - 1, 1.7976931348623157e308, '', 10, x'', NULL, 7);"
      "INSERT INTO t VALUES (3, NULL, 5e-324, 'ü€😀 ''\"\\?{x}', 'text', NULL, x'41', NULL);"
      "INSERT INTO t VALUES (4, 1, -0.0, NULL, NULL, x'41', 3.25, 1);"
      "CREATE TABLE odd (id INTEGER PRIMARY KEY, i INT, r REAL, t TEXT, u TEXT);"
      "INSERT INTO odd VALUES (1, 'no number', 'x', x'00', CAST(x'ff41' AS TEXT));"
      "INSERT INTO odd VALUES (2, 1.5, x'01', CAST(x'610062' AS TEXT), CAST(x'6100' AS TEXT));"
      "CREATE TABLE nul (a TEXT PRIMARY KEY, b NOT NULL); INSERT INTO nul VALUES (NULL, 1), ('k', 2);");
  Open();
  ExpectSame(SeeSource(*reader_), SeeOwn());
}

TEST_F(OdbcSqliteTest, ReadingsOfManyRealsAreExact) {
  Sql(path_, "CREATE TABLE t (id INTEGER PRIMARY KEY, r REAL)");
  std::mt19937_64 random{TestSeed()};
  std::string sql = "BEGIN;";
  for (int i = 0; i < 3'000; ++i) {
    const std::uint64_t bits = random();
    double real = 0;
    std::memcpy(&real, &bits, sizeof real);
    if (std::isfinite(real)) absl::StrAppend(&sql, "INSERT INTO t (r) VALUES (", ShortestReal(real), ");");
  }
  Sql(path_, sql + "COMMIT");
  Open();
  ExpectSame(SeeSource(*reader_), SeeOwn());
}

TEST_F(OdbcSqliteTest, KeysAreThoseOfTheTable) {
  Sql(path_,
      "CREATE TABLE pair (v, b INT, a TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;"
      "INSERT INTO pair VALUES (1, 2, 'x'), (2, 1, 'x'), (3, 1, 'X'), (4, 1, 'ä');"
      "CREATE TABLE any_key (k PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO any_key VALUES (1, 'a'), ('1', "
      "'b'),"
      "(x'31', 'c'), (1.5, 'd');"
      "CREATE TABLE nocase (k TEXT COLLATE NOCASE PRIMARY KEY, v); INSERT INTO nocase VALUES ('Ab', 1);"
      "CREATE TABLE named (rowid TEXT, oid INT, v); INSERT INTO named VALUES ('a', 1, 2), ('b', 3, 4);"
      "CREATE TABLE none (v); INSERT INTO none VALUES (1), (1), (NULL);"
      "CREATE TABLE given (k INT NOT NULL, v); INSERT INTO given VALUES (1, 2), (2, 3)");
  options_.keys = {{"given", {"k"}}};
  Open();
  ExpectSame(SeeSource(*reader_), SeeOwn());
  EXPECT_EQ(reader_->RepeatedKeysOf("given"), RepeatedKeys::kMistake);
  EXPECT_EQ(reader_->RepeatedKeysOf("pair"), RepeatedKeys::kNever);
}

TEST_F(OdbcSqliteTest, NamesMayBeAnything) {
  const std::string odd = "Od\"d 'ta.ble\\; ?{fn x} \u00fc", column = "se\"lect %s ? {d '1'}";
  Sql(path_, "CREATE TABLE " + QuoteName(odd) + " (" + QuoteName(column) +
                 " TEXT PRIMARY KEY, v); INSERT INTO " + QuoteName(odd) + " VALUES ('k', 1), ('K', NULL)");
  Open();
  ExpectSame(SeeSource(*reader_), SeeOwn());
}

TEST_F(OdbcSqliteTest, PagesOfManyRowsAreOneTable) {
  Sql(path_,
      "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);"
      "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 25000)"
      "INSERT INTO t SELECT i * 3, 'v' || i FROM n;"
      "CREATE TABLE w (a TEXT, b INT, PRIMARY KEY (a, b)) WITHOUT ROWID;"
      "INSERT INTO w SELECT 'k' || (id % 7), id FROM t");
  Open();
  ExpectSame(SeeSource(*reader_), SeeOwn());
  // Exactly a page, and none.
  Sql(path_, "DELETE FROM t WHERE id > 30000; DELETE FROM w");
  ExpectSame(SeeSource(*reader_), SeeOwn());
}

TEST_F(OdbcSqliteTest, APageThatIsReadOfAnotherMomentIsReadAgain) {
  for (const bool wal : {true, false}) {
    path_ = folder_ / (wal ? "wal.db" : "journal.db");
    Application app(path_);
    app.Run(absl::StrCat("PRAGMA journal_mode = ", wal ? "WAL" : "DELETE"));
    app.Run(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);"
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 25000)"
        "INSERT INTO t SELECT i, 'v' FROM n;");
    Open();
    ASSERT_THAT(reader_->Schema(), IsOk());
    auto rows = reader_->Read("t", {0, 1});
    ASSERT_THAT(rows, IsOk());
    const TableSchema schema = reader_->Schema()->tables.front().schema;
    rows = reader_->Read("t", {0, 1});
    RowBlock block = RowBlock::ForAll(schema);
    Pieces pieces;
    ASSERT_THAT((*rows)->Next({1'000'000, 100}, &block, &pieces), IsOkAndHolds(true));
    // Nobody is kept waiting.
    app.Run("UPDATE t SET v = 'w'");
    absl::StatusOr<bool> more = true;
    std::size_t old = 0;
    while (more.ok() && *more) {
      block.Clear();
      more = (*rows)->Next({}, &block, &pieces);
      SeenRows shown;
      AppendRows(block, &shown);
      for (const auto& row : shown) old += row[1] == "t:v" ? 1 : 0;
    }
    if (wal) {
      EXPECT_THAT(more, IsOkAndHolds(false));
      EXPECT_EQ(old, 24'900U) << "rows of one moment";
    } else {
      EXPECT_EQ(more.status().code(), absl::StatusCode::kAborted) << more.status();
    }
  }
}

TEST_F(OdbcSqliteTest, LongValuesTravelInParts) {
  Sql(path_,
      "CREATE TABLE t (id INTEGER PRIMARY KEY, b BLOB, v TEXT); INSERT INTO t VALUES (1, zeroblob(5000000), "
      "replace(hex(zeroblob(3000000)), '0', 'ü')), (2, x'', ''), (3, zeroblob(2000000), hex(zeroblob(900)))");
  Open();
  const SeenSource seen = SeeSource(*reader_), own = SeeOwn();
  EXPECT_EQ(seen.at("t").digest, own.at("t").digest);
  EXPECT_EQ(seen.at("t").rows[0][2], "large t:12000000");
}

TEST_F(OdbcSqliteTest, AnythingElseThanADatabaseIsAnError) {
  path_ = folder_ / "none.db";
  Open();
  EXPECT_FALSE(reader_->Schema().ok());
  EXPECT_FALSE(std::filesystem::exists(path_)) << "it is not made";
}

TEST_F(OdbcSqliteTest, WithTheGenericDialectRowsAreReadByWhatTheDriverDeclares) {
  Sql(path_,
      "CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR(20), n NUMERIC(8,2), b BLOB);"
      "INSERT INTO t VALUES (1, 'a', 1.25, x'00ff'), (2, 'ü', 2, NULL)");
  Open(OdbcDialectKind::kGeneric);
  const SeenSource seen = SeeSource(*reader_);
  ASSERT_EQ(seen.size(), 1U);
  const SeenTable& table = seen.at("t");
  EXPECT_EQ(table.table.problem, "");
  EXPECT_THAT(table.table.schema.Key(), testing::ElementsAre(0U));
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_EQ(table.rows[0][1], "t:a");
  EXPECT_EQ(table.rows[1][1], "t:ü");
}

}  // namespace
}  // namespace mirror::odbc_sqlite_test
