#include "client/source/sqlite/sqlite_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/source/sqlite/file/sqlite_schema.h"
#include "client/source/sqlite/log/change_log.h"
#include "client/source/sqlite/sqlite_tables.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::sqlite_reader_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using Rows = std::vector<std::vector<std::string>>;

/// A source of one file; most tests look at one table of it.
class SqliteReaderTest : public testing::Test {
 protected:
  SourceSchema Open(const std::string& sql, SqliteReaderOptions options = {}) {
    if (!sql.empty()) Sql(path_, sql);
    options.path = path_;
    reader_ = OpenSqliteReader(std::move(options));
    auto schema = reader_->Schema();
    EXPECT_THAT(schema, IsOk());
    return schema.ok() ? *schema : SourceSchema{};
  }
  /// The only table after `sql`.
  SourceTable One(const std::string& sql) {
    SourceSchema schema = Open(sql);
    EXPECT_EQ(schema.tables.size(), 1U);
    return schema.tables.empty() ? SourceTable{} : schema.tables[0];
  }
  Rows All(const TableSchema& table, std::size_t bytes = 1'000'000) {
    ReadTable read = ReadAll(*reader_, table, bytes);
    EXPECT_THAT(read.status, IsOk());
    return read.rows;
  }

  TempFolder folder_;
  std::string path_ = folder_ / "source.db";
  std::unique_ptr<SourceReader> reader_;
};

// --- Types ---

struct TypeCase {
  std::string name, declared, values;
  Type type;
  Affinity affinity = Affinity::kUnspecified;
  std::vector<std::string> shown;
};

class TypeTest : public SqliteReaderTest, public testing::WithParamInterface<TypeCase> {};

TEST_P(TypeTest, IsDeclaredTypeOnlyWhenEveryValueFits) {
  const TypeCase& test = GetParam();
  const SourceTable table = One("CREATE TABLE t(id INTEGER PRIMARY KEY, v " + test.declared +
                                "); INSERT INTO t(v) VALUES " + test.values);
  const Column& column = table.schema.columns[1];
  EXPECT_EQ(column.type, test.type);
  EXPECT_EQ(column.affinity, test.affinity);
  EXPECT_TRUE(column.nullable);
  EXPECT_EQ(column.backfill, Backfill::kUnknown);
  std::vector<std::string> shown;
  for (const auto& row : All(table.schema)) shown.push_back(row[1]);
  EXPECT_EQ(shown, test.shown);
}

INSTANTIATE_TEST_SUITE_P(
    Sqlite, TypeTest,
    testing::Values(
        TypeCase{"Integers",
                 "INT",
                 "(1),(NULL),(-9223372036854775808)",
                 Type::kInt64,
                 {},
                 {"i:1", "null", "i:-9223372036854775808"}},
        TypeCase{"TextThatBecomesInteger", "BIGINT", "('7'),(8.0)", Type::kInt64, {}, {"i:7", "i:8"}},
        TypeCase{
            "IntegerColumnWithText", "INTEGER", "(1),('x')", Type::kAny, Affinity::kInteger, {"i:1", "t:x"}},
        TypeCase{"IntegerColumnWithReal",
                 "INTEGER",
                 "(1),(1.5)",
                 Type::kAny,
                 Affinity::kInteger,
                 {"i:1", "r:1.5"}},
        TypeCase{
            "Reals", "DOUBLE PRECISION", "(1),(0.5),(NULL)", Type::kDouble, {}, {"r:1", "r:0.5", "null"}},
        TypeCase{"RealColumnWithText", "REAL", "(1),('x')", Type::kAny, Affinity::kReal, {"r:1", "t:x"}},
        TypeCase{"Texts",
                 "VARCHAR(3)",
                 "('longer than 3'),(''),(12),(NULL)",
                 Type::kText,
                 {},
                 {"t:longer than 3", "t:", "t:12", "null"}},
        TypeCase{"TextWithBlob", "TEXT", "('a'),(x'00ff')", Type::kAny, Affinity::kText, {"t:a", "b:00ff"}},
        TypeCase{"TextNotUtf8",
                 "TEXT",
                 "('a'),(CAST(x'ff41' AS TEXT))",
                 Type::kAny,
                 Affinity::kText,
                 {"t:a", "x:ff41"}},
        TypeCase{"TextWithNul",
                 "TEXT",
                 "('a'),(CAST(x'610062' AS TEXT))",
                 Type::kAny,
                 Affinity::kText,
                 {"t:a", "x:610062"}},
        TypeCase{"Emoji", "TEXT", "('a\xF0\x9F\x98\x80')", Type::kText, {}, {"t:a\xF0\x9F\x98\x80"}},
        TypeCase{"Numeric",
                 "DECIMAL(10,2)",
                 "('007'),('1.10'),('x'),(x'01'),(NULL)",
                 Type::kAny,
                 Affinity::kNumeric,
                 {"i:7", "r:1.1", "t:x", "b:01", "null"}},
        TypeCase{"Date", "DATE", "('2024-01-02')", Type::kAny, Affinity::kNumeric, {"t:2024-01-02"}},
        TypeCase{"Blob", "BLOB", "(x''),('7'),(7)", Type::kAny, Affinity::kBlob, {"b:", "t:7", "i:7"}},
        TypeCase{"NoType",
                 "",
                 "(1),('1'),(1.0),(NULL),(x'31')",
                 Type::kAny,
                 Affinity::kBlob,
                 {"i:1", "t:1", "r:1", "null", "b:31"}},
        TypeCase{"NothingButNull", "TEXT", "(NULL)", Type::kText, {}, {"null"}},
        TypeCase{"IntInName", "POINT", "(1)", Type::kInt64, {}, {"i:1"}}),
    [](const auto& test) { return test.param.name; });

TEST_F(SqliteReaderTest, StrictTablesKeepTheirTypesAndAnyConvertsNothing) {
  const SourceTable table =
      One("CREATE TABLE t(id INTEGER PRIMARY KEY, a ANY, b BLOB, i INT, r REAL, s TEXT NOT NULL) STRICT;"
          "INSERT INTO t VALUES(1, '007', x'01', 2, 3, 'x')");
  EXPECT_EQ(table.schema.columns[1].affinity, Affinity::kBlob);
  EXPECT_EQ(table.schema.columns[3].type, Type::kInt64);
  EXPECT_FALSE(table.schema.columns[5].nullable);
  EXPECT_THAT(All(table.schema), ElementsAre(ElementsAre("i:1", "t:007", "b:01", "i:2", "r:3", "t:x")));
}

TEST_F(SqliteReaderTest, Utf16DatabaseGivesUtf8) {
  const SourceTable table =
      One("PRAGMA encoding = 'UTF-16le'; CREATE TABLE t(k TEXT PRIMARY KEY, v);"
          "INSERT INTO t VALUES('\xC3\xA4', '\xF0\x9F\x98\x80')");
  EXPECT_THAT(All(table.schema), ElementsAre(ElementsAre("t:\xC3\xA4", "t:\xF0\x9F\x98\x80")));
}

TEST_F(SqliteReaderTest, InfinityIsTheTablesProblemAndNamesTheColumn) {
  const SourceSchema schema = Open(
      "CREATE TABLE a(id INTEGER PRIMARY KEY, far REAL); INSERT INTO a VALUES(1, 9e999);"
      "CREATE TABLE b(id INTEGER PRIMARY KEY, far); INSERT INTO b VALUES(1, -9e999);"
      "CREATE TABLE c(id INTEGER PRIMARY KEY)");
  ASSERT_EQ(schema.tables.size(), 3U);
  EXPECT_THAT(schema.tables[0].problem, AllOf(HasSubstr("'far'"), HasSubstr("'a'"), HasSubstr("infinity")));
  // A column without a type is not looked through beforehand: reading says it.
  const ReadTable read = ReadAll(*reader_, schema.tables[1].schema);
  EXPECT_THAT(read.status, StatusIs(absl::StatusCode::kInvalidArgument,
                                    AllOf(HasSubstr("table 'b', column 'far'"), HasSubstr("infinity"))));
  EXPECT_THAT(schema.tables[2].problem, IsEmpty());
}

TEST_F(SqliteReaderTest, ATextThatSqliteMakesAnInfinityIsOne) {
  const SourceSchema schema = Open(
      "CREATE TABLE n(id INTEGER PRIMARY KEY, v NUMERIC); INSERT INTO n VALUES(1, '1e400');"
      "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES(1, '1e400')");
  ASSERT_EQ(schema.tables.size(), 2U);
  EXPECT_THAT(ReadAll(*reader_, schema.tables[0].schema).status,
              StatusIs(absl::StatusCode::kInvalidArgument, AllOf(HasSubstr("'v'"), HasSubstr("infinity"))));
  EXPECT_THAT(All(schema.tables[1].schema), ElementsAre(ElementsAre("i:1", "t:1e400")));
}

TEST_F(SqliteReaderTest, WhatTheApplicationAloneHasIsSaidWithTheWayOut) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &database), SQLITE_OK);
  const auto twice = [](sqlite3_context* context, int /*count*/, sqlite3_value** values) {
    sqlite3_result_int64(context, 2 * sqlite3_value_int64(values[0]));
  };
  ASSERT_EQ(sqlite3_create_function(database, "twice", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, nullptr, twice,
                                    nullptr, nullptr),
            SQLITE_OK);
  ASSERT_EQ(
      sqlite3_exec(
          database,
          "CREATE TABLE v(id INTEGER PRIMARY KEY, a INT, g INT AS (twice(a)) VIRTUAL); INSERT INTO v(id, "
          "a) VALUES (1, 2)",
          nullptr, nullptr, nullptr),
      SQLITE_OK);
  sqlite3_close(database);
  const SourceTable table = One("");
  std::string words = table.problem;
  if (words.empty()) words = std::string(ReadAll(*reader_, table.schema).status.message());
  EXPECT_THAT(words, AllOf(HasSubstr("twice"), HasSubstr("leave it out with 'skip'")));
}

// --- Types that are trusted ---

TEST_F(SqliteReaderTest, TrustsTheTypesOfATableThatWasNeverSentUntilAValueDoesNotFit) {
  SqliteReaderOptions options;
  options.trusts_types = true;
  SourceSchema schema = Open(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, v INT, w INT); INSERT INTO t(v, w) VALUES (1, 1), (2, 'two')",
      options);
  ASSERT_EQ(schema.tables.size(), 1U);
  EXPECT_EQ(schema.tables[0].schema.columns[2].type, Type::kInt64);
  EXPECT_EQ(schema.tables[0].record, MakeRecord(schema.tables[0].schema, schema.tables[0].schema));
  EXPECT_THAT(ReadAll(*reader_, schema.tables[0].schema, 1'000'000).status,
              StatusIs(absl::StatusCode::kAborted, HasSubstr("does not fit")));

  const absl::StatusOr<SourceSchema> again = reader_->Schema();
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->tables[0].schema.columns[1].type, Type::kInt64);
  EXPECT_EQ(again->tables[0].schema.columns[2].type, Type::kAny);
  EXPECT_THAT(All(again->tables[0].schema),
              ElementsAre(ElementsAre("i:1", "i:1", "i:1"), ElementsAre("i:2", "i:2", "t:two")));
}

TEST_F(SqliteReaderTest, TrustsNoTypesOfATableThatIsOnRecord) {
  const SourceTable before = One("CREATE TABLE t(v INT); INSERT INTO t VALUES ('x')");
  SqliteReaderOptions options;
  options.trusts_types = true;
  options.records["t"] = before.record;
  EXPECT_EQ(Open("", options).tables[0].schema.columns[0].type, Type::kAny);
  // A record of other declarations says at least that it was sent.
  EXPECT_EQ(Open("ALTER TABLE t ADD COLUMN w TEXT", options).tables[0].schema.columns[0].type, Type::kAny);
}

// --- Keys ---

std::vector<std::string> KeyNames(const TableSchema& table) {
  std::vector<std::string> names;
  for (const std::uint32_t column : table.Key()) names.push_back(table.columns[column].name);
  return names;
}

TEST_F(SqliteReaderTest, KeyIsThePrimaryKeyInItsOwnOrder) {
  const SourceTable table =
      One("CREATE TABLE t(v, b INT, a TEXT, PRIMARY KEY(a, b)) WITHOUT ROWID;"
          "INSERT INTO t VALUES(1, 2, 'y'), (2, 1, 'y'), (3, 9, 'x')");
  EXPECT_THAT(KeyNames(table.schema), ElementsAre("a", "b"));
  EXPECT_FALSE(table.schema.columns[2].nullable);
  EXPECT_THAT(All(table.schema, 1),
              ElementsAre(ElementsAre("i:3", "i:9", "t:x"), ElementsAre("i:2", "i:1", "t:y"),
                          ElementsAre("i:1", "i:2", "t:y")));
}

TEST_F(SqliteReaderTest, KeyThatHoldsNullIsNoKeyAndEveryRowIsRead) {
  const SourceTable table =
      One("CREATE TABLE t(k TEXT PRIMARY KEY, v INT); INSERT INTO t VALUES(NULL, 1), ('a', 2), (NULL, 3), "
          "('b', 4)");
  EXPECT_THAT(KeyNames(table.schema), IsEmpty());
  EXPECT_TRUE(table.schema.columns[0].nullable);
  EXPECT_EQ(All(table.schema, 1).size(), 4U);
}

TEST_F(SqliteReaderTest, TextKeyWithoutNullIsReadInItsOrder) {
  const SourceTable table =
      One("CREATE TABLE t(k TEXT PRIMARY KEY, v); INSERT INTO t VALUES('c', 1), ('a', 2), ('B', 3)");
  EXPECT_THAT(KeyNames(table.schema), ElementsAre("k"));
  EXPECT_THAT(All(table.schema, 1),
              ElementsAre(ElementsAre("t:B", "i:3"), ElementsAre("t:a", "i:2"), ElementsAre("t:c", "i:1")));
}

struct KeyCase {
  std::string name, create;
};

/// More of them than a function of SQLite takes.
std::string ManyColumns() {
  std::string columns;
  for (int i = 0; i < 200; ++i) absl::StrAppend(&columns, ", x", i, " DEFAULT ", i);
  return columns;
}

class EveryKeyTest : public SqliteReaderTest, public testing::WithParamInterface<KeyCase> {};

TEST_P(EveryKeyTest, EachRowComesOnceInBlocksOfOneRowAndInOneGo) {
  // Every kind of value in both key columns, so that paging must compare them as the index does.
  std::string sql = GetParam().create + "; BEGIN;";
  for (int i = 0; i < 60; ++i) {
    const std::string value = i % 5 == 0   ? absl::StrCat(i)
                              : i % 5 == 1 ? absl::StrCat(i, ".25")
                              : i % 5 == 2 ? absl::StrCat("'x", i, "'")
                              : i % 5 == 3 ? absl::StrCat("'X", i / 7, i, "'")
                                           : absl::StrCat("x'", 10 + i, "'");
    absl::StrAppend(&sql, "INSERT INTO t(a, b, c) VALUES(", i % 4, ", ", value, ", ", i, ");");
  }
  const SourceTable table = One(sql + "COMMIT");
  const std::uint32_t c = *table.schema.Find("c");
  for (const std::size_t bytes : {1U, 200U, 1'000'000U}) {
    std::set<std::string> seen;
    const Rows rows = All(table.schema, bytes);
    for (const auto& row : rows) seen.insert(row[c]);
    EXPECT_EQ(rows.size(), 60U);
    EXPECT_EQ(seen.size(), 60U);
  }
  EXPECT_THAT(reader_->CountRows("t"), IsOkAndHolds(60U));
}

INSTANTIATE_TEST_SUITE_P(
    Sqlite, EveryKeyTest,
    testing::Values(
        KeyCase{"NoKey", "CREATE TABLE t(a, b, c)"},
        KeyCase{"Rowid", "CREATE TABLE t(a, b, c INTEGER PRIMARY KEY)"},
        KeyCase{"RowidByOtherNames", "CREATE TABLE t(a, b, c, rowid, _rowid_, PRIMARY KEY(a, b))"},
        KeyCase{"NoNameForTheRowid", "CREATE TABLE t(a, b, c, rowid, _rowid_, oid)"},
        KeyCase{"IntegerKeyCalledRowid", "CREATE TABLE t(a, b, c, rowid INTEGER PRIMARY KEY, _rowid_, oid)"},
        KeyCase{"TwoColumns", "CREATE TABLE t(a, b, c, PRIMARY KEY(a, b))"},
        KeyCase{"WithoutRowid", "CREATE TABLE t(a, b, c, PRIMARY KEY(a, b)) WITHOUT ROWID"},
        KeyCase{"MixedDirections", "CREATE TABLE t(a, b, c, PRIMARY KEY(a DESC, b)) WITHOUT ROWID"},
        KeyCase{"Descending", "CREATE TABLE t(a, b, c, PRIMARY KEY(b DESC, a DESC)) WITHOUT ROWID"},
        KeyCase{"Nocase", "CREATE TABLE t(a, b COLLATE NOCASE, c, PRIMARY KEY(a, b)) WITHOUT ROWID"},
        KeyCase{"NocaseWithRowid", "CREATE TABLE t(a, b COLLATE NOCASE, c, PRIMARY KEY(a, b))"},
        KeyCase{"BinaryIndexOverNocaseColumn",
                "CREATE TABLE t(a, b COLLATE NOCASE, c, PRIMARY KEY(a, b COLLATE BINARY)) WITHOUT ROWID"},
        KeyCase{"TypedKey", "CREATE TABLE t(a INT, b TEXT, c, PRIMARY KEY(b, a)) WITHOUT ROWID"},
        KeyCase{"ManyColumns", absl::StrCat("CREATE TABLE t(a, b, c", ManyColumns(), ", PRIMARY KEY(a, b))")},
        KeyCase{"ManyColumnsWithoutAKey", absl::StrCat("CREATE TABLE t(a, b, c", ManyColumns(), ")")},
        KeyCase{"KeyColumnTwice", "CREATE TABLE t(a, b, c, PRIMARY KEY(b, a, b))"}),
    [](const auto& test) { return test.param.name; });

TEST_F(SqliteReaderTest, NocaseKeyThatDiffersInCaseOnlyByNothingIsWholeInBothForms) {
  const SourceTable table =
      One("CREATE TABLE t(k TEXT COLLATE NOCASE PRIMARY KEY, v INT) WITHOUT ROWID;"
          "INSERT INTO t VALUES('b', 1), ('A', 2), ('C', 3)");
  EXPECT_THAT(All(table.schema, 1), UnorderedElementsAre(ElementsAre("t:b", "i:1"), ElementsAre("t:A", "i:2"),
                                                         ElementsAre("t:C", "i:3")));
}

TEST_F(SqliteReaderTest, RowidsAtBothEndsAreCountedAndRead) {
  const SourceTable table =
      One("CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES(9223372036854775807), "
          "(-9223372036854775808), (0)");
  EXPECT_THAT(reader_->CountRows("t"), IsOkAndHolds(3U));
  EXPECT_THAT(All(table.schema, 1), ElementsAre(ElementsAre("i:-9223372036854775808"), ElementsAre("i:0"),
                                                ElementsAre("i:9223372036854775807")));
}

TEST_F(SqliteReaderTest, PagingNeverSortsATable) {
  const std::string create =
      "CREATE TABLE a(x TEXT, y INT, v, PRIMARY KEY(x, y)); CREATE TABLE b(x TEXT, y INT, PRIMARY KEY(x "
      "DESC, y)) "
      "WITHOUT ROWID; CREATE TABLE c(x TEXT COLLATE NOCASE, y, PRIMARY KEY(x, y)) WITHOUT ROWID; CREATE "
      "TABLE d(v)";
  Application application(path_);
  application.Run(create);
  auto file = SqliteFile::Open(path_);
  ASSERT_THAT(file, IsOk());
  for (const char* name : {"a", "b", "c", "d"}) {
    const auto plan = PlanSource(**file, name);
    ASSERT_THAT(plan, IsOk());
    for (const auto& order : {plan->key_order, plan->steady_order}) {
      if (order.empty()) continue;
      std::string sql =
          absl::StrCat("SELECT group_concat(detail) FROM (EXPLAIN QUERY PLAN SELECT * FROM ", name);
      sql = absl::StrCat("EXPLAIN QUERY PLAN SELECT * FROM ", name, " ORDER BY ");
      for (std::size_t i = 0; i < order.size(); ++i) {
        absl::StrAppend(&sql, i > 0 ? ", " : "", order[i].expression, order[i].descending ? " DESC" : "");
      }
      auto statement = (*file)->Prepare(sql);
      ASSERT_THAT(statement, IsOk());
      while (sqlite3_step(statement->get()) == SQLITE_ROW) {
        EXPECT_THAT(reinterpret_cast<const char*>(sqlite3_column_text(statement->get(), 3)),
                    testing::Not(HasSubstr("TEMP B-TREE")))
            << sql;
      }
    }
  }
}

// --- Which tables ---

TEST_F(SqliteReaderTest, ATableThatWasDroppedAndMadeAgainHasAnotherIdentity) {
  constexpr char kMake[] = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)";
  const std::uint64_t before = One(kMake).identity;
  EXPECT_NE(before, 0U);
  EXPECT_EQ(One("INSERT INTO t VALUES (1, 'a'); DELETE FROM t").identity, before);
  EXPECT_NE(One(std::string("DROP TABLE t; ") + kMake).identity, before);
}

TEST_F(SqliteReaderTest, ALoggedTableHasAnotherIdentityOnceItsLogBeganAnew) {
  constexpr char kMake[] = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)";
  Sql(path_, kMake);
  const auto identity = [&]() -> std::uint64_t {
    const auto log = ChangeLog::Install({path_, "host"});
    EXPECT_THAT(log, IsOk());
    EXPECT_THAT((*log)->Renew({"t"}), IsOk());
    SqliteReaderOptions options;
    options.log = log->get();
    const SourceSchema schema = Open("", std::move(options));
    reader_.reset();
    // 'other' comes before it by name.
    return schema.tables.empty() ? 0 : schema.tables.back().identity;
  };
  const std::uint64_t before = identity();
  EXPECT_NE(before, 0U);
  // Other tables come and go, and columns come: it is the same table.
  Sql(path_, "CREATE TABLE other (id INTEGER PRIMARY KEY); ALTER TABLE t ADD COLUMN w TEXT");
  EXPECT_EQ(identity(), before);
  Sql(path_, std::string("DROP TABLE t; ") + kMake);
  EXPECT_NE(identity(), before);
}

TEST_F(SqliteReaderTest, TakesOrdinaryTablesOnly) {
  const SourceSchema schema = Open(
      "CREATE TABLE plain(id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO plain DEFAULT VALUES; ANALYZE;"
      "CREATE VIEW v AS SELECT * FROM plain; CREATE VIRTUAL TABLE f USING fts5(words);"
      "CREATE VIRTUAL TABLE r USING rtree(id, x0, x1); CREATE TABLE _mirror_log(x); CREATE TABLE "
      "_MIRROR_x(x);"
      "CREATE TEMP TABLE gone(x); CREATE TABLE f_mine(x)");
  std::vector<std::string> names;
  for (const SourceTable& table : schema.tables) names.push_back(table.schema.name);
  EXPECT_THAT(names, UnorderedElementsAre("plain", "f_mine"));
}

TEST_F(SqliteReaderTest, IncludeAndSkipArePatternsWithoutCase) {
  SqliteReaderOptions options;
  options.include = {"a*", "zebra"};
  options.skip = {"*_TMP"};
  const SourceSchema schema = Open(
      "CREATE TABLE Apple(x); CREATE TABLE a_tmp(x); CREATE TABLE Zebra(x); CREATE TABLE zebras(x)", options);
  std::vector<std::string> names;
  for (const SourceTable& table : schema.tables) names.push_back(table.schema.name);
  EXPECT_THAT(names, ElementsAre("Apple", "Zebra"));
}

TEST_F(SqliteReaderTest, AnyNameIsReadAndTooLongOnesAreRefusedWithTheReason) {
  const std::string emoji(128 * 4, ' ');
  std::string long_name;
  for (int i = 0; i < 128; ++i) long_name += "\xF0\x9F\x98\x80";
  std::string sql;
  for (const std::string& name :
       {std::string("a \"b\" 'c' [d] `e`; --"), std::string("select"), long_name, long_name + "x"}) {
    absl::StrAppend(&sql, "CREATE TABLE ", QuoteName(name), "(", QuoteName(name),
                    " INTEGER PRIMARY KEY, \"\n\" TEXT);", "INSERT INTO ", QuoteName(name),
                    " VALUES(1, 'v');");
  }
  const SourceSchema schema = Open(sql);
  ASSERT_EQ(schema.tables.size(), 3U);
  for (const SourceTable& table : schema.tables) {
    EXPECT_THAT(All(table.schema), ElementsAre(ElementsAre("i:1", "t:v"))) << table.schema.name;
  }
  ASSERT_EQ(schema.refused.size(), 1U);
  EXPECT_THAT(schema.refused[0].reason, HasSubstr("128"));
}

TEST_F(SqliteReaderTest, ColumnThatNoMirrorCanNameIsTheTablesProblem) {
  const SourceTable table = One("CREATE TABLE t(id INTEGER PRIMARY KEY, \"\" TEXT)");
  EXPECT_THAT(table.problem, HasSubstr("column"));
}

// --- Columns ---

TEST_F(SqliteReaderTest, GeneratedColumnsAreOrdinaryValues) {
  const SourceTable table = One(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, a INT, v INT AS (a * 2) VIRTUAL, s TEXT GENERATED ALWAYS AS "
      "(a || 'x') STORED); INSERT INTO t VALUES(1, 5)");
  ASSERT_EQ(table.schema.columns.size(), 4U);
  EXPECT_EQ(table.schema.columns[2].type, Type::kInt64);
  EXPECT_EQ(table.schema.columns[3].type, Type::kText);
  EXPECT_THAT(All(table.schema), ElementsAre(ElementsAre("i:1", "i:5", "i:10", "t:5x")));
}

TEST_F(SqliteReaderTest, OnlyTheColumnsAskedForAreRead) {
  const SourceTable table = One("CREATE TABLE t(a, b, c); INSERT INTO t VALUES(1, 2, 3)");
  auto rows = reader_->Read("t", {2, 0});
  ASSERT_THAT(rows, IsOk());
  RowBlock block = RowBlock::For(table.schema, {2, 0});
  Pieces pieces;
  EXPECT_THAT((*rows)->Next({1'000}, &block, &pieces), IsOkAndHolds(false));
  Rows shown;
  AppendRows(block, &shown);
  EXPECT_THAT(shown, ElementsAre(ElementsAre("i:3", "i:1")));
}

TEST_F(SqliteReaderTest, NullAgainstNotNullMakesTheColumnNullable) {
  Sql(path_, "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES(1, NULL)");
  Application application(path_);
  application.Run(
      "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = 'CREATE TABLE t(id INTEGER PRIMARY KEY, "
      "v TEXT NOT NULL)'; PRAGMA writable_schema = RESET");
  const SourceTable table = One("");
  EXPECT_TRUE(table.schema.columns[1].nullable);
  EXPECT_THAT(All(table.schema), ElementsAre(ElementsAre("i:1", "null")));
}

TEST_F(SqliteReaderTest, AWholeNumberAsRealIsTwoDefaultsWithoutAnAffinity) {
  for (const std::string sql : {"4.0", "-4.0", "-0.0", "1e3"}) {
    Column column;
    column.type = Type::kAny;
    column.affinity = Affinity::kBlob;
    EXPECT_FALSE(ParseDefault(sql, column)) << sql;
    Sql(path_,
        "DROP TABLE IF EXISTS t; CREATE TABLE t(id); INSERT INTO t VALUES(1); ALTER TABLE t ADD COLUMN n "
        "DEFAULT " +
            sql + "; INSERT INTO t(id) VALUES(2)");
    const SourceTable table = One("");
    const Rows rows = All(table.schema);
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0][1].substr(0, 2), "i:") << sql;
    EXPECT_EQ(rows[1][1].substr(0, 2), "r:") << sql;
  }
}

TEST_F(SqliteReaderTest, AKeyOfManyColumnsIsReadFromAnyOfItsRows) {
  for (const int columns : {8, 9, 10, 16, 60}) {
    std::string names, second;
    for (int i = 0; i < columns; ++i) {
      absl::StrAppend(&names, i == 0 ? "" : ", ", "c", i);
      absl::StrAppend(&second, i == 0 ? "" : ", ", i + 1 == columns ? "value" : "1");
    }
    const SourceTable table = One(absl::StrCat(
        "DROP TABLE IF EXISTS t; CREATE TABLE t(", names, ", PRIMARY KEY(", names,
        ")) WITHOUT ROWID; WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n "
        "WHERE value < 3000) INSERT INTO t SELECT ",
        second, " FROM n"));
    EXPECT_EQ(All(table.schema).size(), 3'000U) << columns;
  }
}

struct DefaultCase {
  std::string name, sql;
  Type type;
  std::optional<Literal> want;
};

class DefaultTest : public testing::TestWithParam<DefaultCase> {};

TEST_P(DefaultTest, IsAConstantOfTheColumnsTypeOrNothing) {
  Column column;
  column.type = GetParam().type;
  column.affinity = column.type == Type::kAny ? Affinity::kNumeric : Affinity::kUnspecified;
  column.nullable = true;
  EXPECT_EQ(ParseDefault(GetParam().sql, column), GetParam().want);
}

INSTANTIATE_TEST_SUITE_P(
    Sqlite, DefaultTest,
    testing::Values(DefaultCase{"Integer", "-5", Type::kInt64, Literal(std::int64_t{-5})},
                    DefaultCase{"Plus", "+5", Type::kInt64, Literal(std::int64_t{5})},
                    DefaultCase{"IntegerForReal", "3", Type::kDouble, Literal(3.0)},
                    DefaultCase{"Real", "1.5e3", Type::kDouble, Literal(1500.0)},
                    DefaultCase{"Infinite", "9e999", Type::kDouble, {}},
                    DefaultCase{"Text", "'it''s'", Type::kText, Literal(std::string("it's"))},
                    DefaultCase{"EmptyText", "''", Type::kText, Literal(std::string())},
                    DefaultCase{"TextForNumber", "'5'", Type::kInt64, {}},
                    DefaultCase{"TextForNumeric", "'1.10'", Type::kAny, {}},
                    DefaultCase{"NumberForText", "5", Type::kText, {}},
                    DefaultCase{"Null", "null", Type::kText, Literal(Null{})},
                    DefaultCase{"Expression", "datetime('now')", Type::kText, {}},
                    DefaultCase{"Concatenation", "'a' || 'b'", Type::kText, {}},
                    DefaultCase{"Parentheses", "(1)", Type::kInt64, {}},
                    DefaultCase{"Hexadecimal", "0x10", Type::kInt64, {}},
                    DefaultCase{"Keyword", "CURRENT_TIMESTAMP", Type::kText, {}},
                    DefaultCase{"LoneQuote", "'", Type::kText, {}},
                    DefaultCase{"Sum", "1 + 1", Type::kInt64, {}}),
    [](const auto& test) { return test.param.name; });

// --- Memory of earlier runs ---

TEST_F(SqliteReaderTest, RecordIsBelievedAndAValueThatNoLongerFitsWidensTheColumn) {
  SourceTable table = One("CREATE TABLE t(id INTEGER PRIMARY KEY, v INT); INSERT INTO t VALUES(1, 5)");
  EXPECT_EQ(table.schema.columns[1].type, Type::kInt64);
  SqliteReaderOptions options;
  options.records["t"] = table.record;
  SourceSchema schema = Open("INSERT INTO t VALUES(2, 'x')", options);
  EXPECT_EQ(schema.tables[0].schema, table.schema);
  EXPECT_THAT(ReadAll(*reader_, schema.tables[0].schema).status,
              StatusIs(absl::StatusCode::kAborted, AllOf(HasSubstr("'t'"), HasSubstr("'v'"))));
  auto again = reader_->Schema();
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->tables[0].schema.columns[1].type, Type::kAny);
  EXPECT_NE(again->tables[0].record, table.record);
  EXPECT_EQ(All(again->tables[0].schema).size(), 2U);

  // Once wide, wide in the next run too, whatever the values.
  options.records["t"] = again->tables[0].record;
  schema = Open("DELETE FROM t WHERE id = 2", options);
  EXPECT_EQ(schema.tables[0].schema, again->tables[0].schema);
}

TEST_F(SqliteReaderTest, RecordOfAnotherDefinitionIsForgotten) {
  SourceTable table = One("CREATE TABLE t(id INTEGER PRIMARY KEY, v INT); INSERT INTO t VALUES(1, 'x')");
  EXPECT_EQ(table.schema.columns[1].type, Type::kAny);
  SqliteReaderOptions options;
  options.records["t"] = table.record;
  const SourceSchema schema = Open("DROP TABLE t; CREATE TABLE t(id INTEGER PRIMARY KEY, w INT)", options);
  EXPECT_EQ(schema.tables[0].schema.columns[1].type, Type::kInt64);
}

TEST_F(SqliteReaderTest, KeyThatCameToHoldNullIsGivenUp) {
  SourceTable table = One("CREATE TABLE t(k TEXT PRIMARY KEY); INSERT INTO t VALUES('a')");
  SqliteReaderOptions options;
  options.records["t"] = table.record;
  const SourceSchema schema = Open("INSERT INTO t VALUES(NULL)", options);
  EXPECT_THAT(ReadAll(*reader_, schema.tables[0].schema).status, StatusIs(absl::StatusCode::kAborted));
  auto again = reader_->Schema();
  ASSERT_THAT(again, IsOk());
  EXPECT_THAT(KeyNames(again->tables[0].schema), IsEmpty());
  EXPECT_EQ(All(again->tables[0].schema).size(), 2U);
}

// --- Sizes ---

TEST_F(SqliteReaderTest, EmptyTableIsOneCallWithoutRows) {
  const SourceTable table = One("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)");
  const ReadTable read = ReadAll(*reader_, table.schema);
  EXPECT_THAT(read.status, IsOk());
  EXPECT_EQ(read.calls, 1);
  EXPECT_THAT(read.rows, IsEmpty());
}

TEST_F(SqliteReaderTest, BlocksWeighAboutWhatIsAskedFor) {
  const SourceTable table =
      One("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT "
          "i + 1 "
          "FROM n WHERE i < 5000) INSERT INTO t SELECT i, printf('%.90c', 'x') FROM n");
  const ReadTable read = ReadAll(*reader_, table.schema, 100'000);
  EXPECT_THAT(read.status, IsOk());
  EXPECT_EQ(read.rows.size(), 5000U);
  EXPECT_EQ(read.calls, 6);  // 500 KB; the last call finds the end.
}

struct HeavyCase {
  std::string name, create;
  bool in_pieces;
};

class HeavyTest : public SqliteReaderTest, public testing::WithParamInterface<HeavyCase> {};

TEST_P(HeavyTest, LongValuesTravelInPartsAndTheRestOfTheRowInTheBlock) {
  // 9 MB: two whole parts and a piece, with a two-byte character across each border.
  const SourceTable table =
      One(GetParam().create +
          ";INSERT INTO t(id, b, s, a) VALUES(1, 'light', 'light', 1),"
          "(2, zeroblob(9000001), '-' || replace(hex(zeroblob(2250000)), '00', '\xC3\xA4\xC3\xA4'), x'07'),"
          "(3, NULL, 'after', CAST(x'ff' || zeroblob(5000000) AS TEXT)), (4, x'01', 'end', NULL)");
  const std::size_t shown_columns = table.schema.columns.size();
  Pieces pieces;
  const ReadTable read = ReadAll(*reader_, table.schema, 1'000'000, &pieces);
  ASSERT_THAT(read.status, IsOk());
  ASSERT_EQ(read.rows.size(), 4U);
  EXPECT_EQ(read.rows[1][1], "large b:9000001");
  EXPECT_EQ(read.rows[1][2], "large t:9000001");
  EXPECT_EQ(read.rows[1][3], "b:07");
  EXPECT_EQ(read.rows[2][1], "null");
  EXPECT_EQ(read.rows[2][3], "large x:5000001");
  EXPECT_EQ(read.rows[3][2], "t:end");
  EXPECT_EQ(read.rows[3].size(), shown_columns);
  EXPECT_EQ(pieces.value(1), std::string(9'000'001, '\0'));
  EXPECT_EQ(pieces.value(2).substr(0, 3), "-\xC3\xA4");
  EXPECT_LE(pieces.longest(), 4U << 20);
}

INSTANTIATE_TEST_SUITE_P(
    Sqlite, HeavyTest,
    testing::Values(
        HeavyCase{"Rowid", "CREATE TABLE t(id INTEGER PRIMARY KEY, b BLOB, s TEXT, a)", true},
        HeavyCase{"TextKey", "CREATE TABLE t(id TEXT PRIMARY KEY, b BLOB, s TEXT, a)", true},
        HeavyCase{"NoKey", "CREATE TABLE t(id, b BLOB, s TEXT, a)", true},
        HeavyCase{"WithoutRowid", "CREATE TABLE t(id INT PRIMARY KEY, b BLOB, s TEXT, a) WITHOUT ROWID",
                  false},
        HeavyCase{"Generated",
                  "CREATE TABLE t(id INTEGER PRIMARY KEY, b BLOB, s TEXT, a, g AS (s), h AS (b) STORED)",
                  false},
        HeavyCase{"Wal",
                  "PRAGMA journal_mode = WAL; CREATE TABLE t(id INTEGER PRIMARY KEY, b BLOB, s TEXT, a)",
                  true}),
    [](const auto& test) { return test.param.name; });

TEST_F(SqliteReaderTest, LongTextThatIsNotUtf8AtItsVeryEndIsFound) {
  const SourceTable table =
      One("CREATE TABLE t(id INTEGER PRIMARY KEY, s TEXT);"
          "INSERT INTO t VALUES(1, CAST(replace(hex(zeroblob(2500000)), '0', 'x') || x'c3' AS "
          "TEXT))");
  EXPECT_EQ(table.schema.columns[1].type, Type::kAny);
  EXPECT_THAT(All(table.schema), ElementsAre(ElementsAre("i:1", "large x:5000001")));
}

TEST_F(SqliteReaderTest, WideRowsKeepTheirBlockSmall) {
  std::string columns, values;
  for (int i = 0; i < 10; ++i) {
    absl::StrAppend(&columns, ", c", i);
    absl::StrAppend(&values, ", zeroblob(3000000)");
  }
  const SourceTable table = One(absl::StrCat("CREATE TABLE t(id INTEGER PRIMARY KEY", columns,
                                             "); INSERT INTO t VALUES(1", values, "), (2", values, ")"));
  auto rows = reader_->Read("t", AllColumns(table.schema));
  ASSERT_THAT(rows, IsOk());
  RowBlock block = RowBlock::ForAll(table.schema);
  Pieces pieces;
  EXPECT_THAT((*rows)->Next({1'000'000}, &block, &pieces), IsOkAndHolds(true));
  EXPECT_EQ(block.rows(), 1U);
  EXPECT_LT(block.bytes(), 7U << 20);
  EXPECT_EQ(pieces.value(1).size(), 3'000'000U);
}

TEST_F(SqliteReaderTest, KeyValueOverFourMegabytesIsRefusedWithTheReason) {
  const SourceTable table = One(
      "CREATE TABLE t(k BLOB PRIMARY KEY NOT NULL) WITHOUT ROWID; INSERT INTO t VALUES(zeroblob(5000000))");
  EXPECT_THAT(table.problem, HasSubstr("key value over 4 MB"));
}

}  // namespace
}  // namespace mirror::sqlite_reader_test
