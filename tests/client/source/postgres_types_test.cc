#include <optional>

#include "absl/strings/str_cat.h"
#include "tests/client/source/postgres_source.h"

namespace mirror::postgres_types_test {
namespace {

using testing::HasSubstr;

class PostgresTypesTest : public PostgresSourceTest {
 protected:
  void Fill() override {
    PostgresSourceTest::Fill();
    Sql("CREATE TYPE mood AS ENUM ('sad', 'Happy'); CREATE TYPE pair AS (a int4, b text);"
        "CREATE DOMAIN code AS varchar(8) CHECK (VALUE <> 'x'); CREATE DOMAIN price AS numeric(6,2);"
        "CREATE DOMAIN dear AS price; CREATE DOMAIN day AS date; CREATE EXTENSION citext");
  }
};

struct TypeCase {
  std::string type;     ///< Of PostgreSQL.
  std::string literal;  ///< Without its quotes.
  std::string shown;    ///< As ShowKind has it.
  Type wire = Type::kText;
  std::uint32_t precision = 0, scale = 0;
};

const std::vector<TypeCase>& Types() {
  static const std::vector<TypeCase> kTypes = {
      {"bool", "true", "i:1", Type::kBool},
      {"bool", "false", "i:0", Type::kBool},
      {"int2", "-32768", "i:-32768", Type::kInt16},
      {"int4", "-2147483648", "i:-2147483648", Type::kInt32},
      {"int8", "-9223372036854775808", "i:-9223372036854775808", Type::kInt64},
      {"int8", "9223372036854775807", "i:9223372036854775807", Type::kInt64},
      {"oid", "4294967295", "i:4294967295", Type::kInt64},
      {"float4", "16777215", "r:1.67772e+07", Type::kFloat},
      {"float4", "-0.0", "r:0", Type::kFloat},
      {"float8", "-0.5", "r:-0.5", Type::kDouble},
      {"float8", "5e-324", "r:4.94066e-324", Type::kDouble},
      {"numeric(12,2)", "-12.5", "t:-12.50", Type::kDecimal, 12, 2},
      {"numeric(12,2)", "0", "t:0.00", Type::kDecimal, 12, 2},
      {"numeric(5)", "-99999", "t:-99999", Type::kDecimal, 5, 0},
      {"numeric(5,-2)", "12345", "t:12300", Type::kDecimal, 7, 0},
      {"numeric(3,5)", "0.00123", "t:0.00123", Type::kDecimal, 5, 5},
      {"numeric", "-12345678901234567890.1000", "t:-12345678901234567890.1000"},
      {"numeric", "NaN", "t:NaN"},
      {"numeric", "-Infinity", "t:-Infinity"},
      {"text", "\u00fc\u20ac\U0001f600 ''", "t:\u00fc\u20ac\U0001f600 '"},
      {"text", "", "t:"},
      {"varchar(10)", "a ", "t:a "},
      {"char(5)", "ab", "t:ab   "},
      {"name", "n", "t:n"},
      {"\"char\"", "x", "t:x"},
      {"citext", "Ab", "t:Ab"},
      {"mood", "Happy", "t:Happy"},
      {"xml", "<a>1</a>", "t:<a>1</a>"},
      {"json", "{\"a\":  1}", "t:{\"a\":  1}"},
      {"jsonb", "{\"a\":  1}", "t:{\"a\": 1}"},
      {"uuid", "00010203-0405-0607-0809-0a0b0c0d0e0f",
       "t:" + std::string("\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17", 16), Type::kUuid},
      {"bytea", "\\x00ff", "t:" + std::string("\0\377", 2), Type::kBytes},
      {"bytea", "", "t:", Type::kBytes},
      {"date", "0001-01-01", "i:0", Type::kDate},
      {"date", "9999-12-31", "i:3155378112000000000", Type::kDate},
      {"day", "0001-01-02", "i:864000000000", Type::kDate},
      {"timestamp", "0001-01-01 00:00:00", "i:0", Type::kTimestamp, 6},
      {"timestamp", "9999-12-31 23:59:59.999999", "i:3155378975999999990", Type::kTimestamp, 6},
      {"timestamp(3)", "0001-01-01 00:00:00.1234", "i:1230000", Type::kTimestamp, 3},
      {"timestamptz(0)", "0001-01-01 02:00:01.2+02", "i:10000000", Type::kTimestampTz, 0},
      {"timestamptz", "2000-01-01 00:00:00+00", "i:630822816000000000", Type::kTimestampTz, 6},
      {"time", "00:00:00", "i:0", Type::kTime, 6},
      {"time(1)", "23:59:59.94", "i:863999000000", Type::kTime, 1},
      {"interval", "1 year 2 days 03:04:05.6", "t:P1Y2DT3H4M5.6S"},
      {"timetz", "12:00:00+02", "t:12:00:00+02"},
      {"money", "1234.5", "t:$1,234.50"},
      {"inet", "10.0.0.1", "t:10.0.0.1"},
      {"cidr", "10.0.0.0/8", "t:10.0.0.0/8"},
      {"macaddr", "08:00:2b:01:02:03", "t:08:00:2b:01:02:03"},
      {"bit(3)", "101", "t:101"},
      {"varbit", "10", "t:10"},
      {"int4[]", "{1,NULL,3}", "t:{1,NULL,3}"},
      {"mood[]", "{sad}", "t:{sad}"},
      {"pair", "(1,\"b c\")", "t:(1,\"b c\")"},
      {"pair", "(,)", "t:(,)"},  // IS NULL is true of it.
      {"int4range", "[1,5)", "t:[1,5)"},
      {"tsvector", "b a", "t:'a' 'b'"},
      {"point", "(1,2)", "t:(1,2)"},
      {"pg_lsn", "16/B374D848", "t:16/B374D848"},
      {"code", "ab", "t:ab"},
      {"price", "1.5", "t:1.50", Type::kDecimal, 6, 2},
      {"dear", "1.5", "t:1.50", Type::kDecimal, 6, 2},
  };
  return kTypes;
}

TEST_F(PostgresTypesTest, EachTypeIsAnnouncedAndReadAsItsOwn) {
  Sql("SET lc_monetary TO 'C'");
  std::string create = "CREATE TABLE every (id int4 PRIMARY KEY", insert = "INSERT INTO every VALUES (1";
  for (std::size_t i = 0; i < Types().size(); ++i) {
    absl::StrAppend(&create, ", c", i, " ", Types()[i].type);
    absl::StrAppend(&insert, ", '", Types()[i].literal, "'");
  }
  Sql(create + ")");
  Sql(insert + "), (2" +
      [] {
        std::string nulls;
        for (std::size_t i = 0; i < Types().size(); ++i) nulls += ", NULL";
        return nulls;
      }() +
      ")");
  Look();
  EXPECT_EQ(Table("every").problem, "");
  EXPECT_EQ(Table("every").record, "");
  const ShownRows rows = Rows("every");
  ASSERT_EQ(rows.size(), 2U);
  for (std::size_t i = 0; i < Types().size(); ++i) {
    const TypeCase& type = Types()[i];
    SCOPED_TRACE(absl::StrCat(type.type, " ", type.literal));
    const Column& column = Table("every").schema.columns[i + 1];
    EXPECT_EQ(column.type, type.wire);
    EXPECT_EQ(column.precision, type.precision);
    EXPECT_EQ(column.scale, type.scale);
    EXPECT_EQ(column.length, 0U);
    EXPECT_TRUE(column.nullable);
    EXPECT_EQ(column.column_id, i + 2);
    EXPECT_EQ(rows[0][i + 1], type.shown);
    EXPECT_EQ(rows[1][i + 1], "null");
  }
  ExpectEqualDigests("every");
}

TEST_F(PostgresTypesTest, WhatATypeHasNoPlaceForMakesItsColumnAnyOnceForAll) {
  struct WideCase {
    std::string type, fits, fits_shown, not_fits;
    Affinity affinity = Affinity::kText;
    std::string fits_before;
  };
  const std::vector<WideCase> wide = {
      {"date", "2024-02-29", "t:2024-02-29", "infinity"},
      {"date", "2024-02-29", "t:2024-02-29", "0044-03-15 BC"},
      {"date", "2024-02-29", "t:2024-02-29", "10000-01-01"},
      {"timestamp", "2024-02-29 12:00:00.5", "t:2024-02-29 12:00:00.5", "-infinity"},
      {"timestamptz", "2024-02-29 12:00:00+00", "t:2024-02-29 12:00:00+00", "infinity"},
      {"time", "12:00:00", "t:12:00:00", "24:00:00"},
      {"numeric(6,2)", "1.5", "t:1.50", "NaN"},
      {"float8", "0.5", "r:0.5", "NaN", Affinity::kReal},
      {"float4", "0.5", "r:0.5", "-Infinity", Affinity::kReal},
      {"float8", "0.5", "r:0.5", "Infinity", Affinity::kReal},
  };
  std::string create = "CREATE TABLE wide (id int4 PRIMARY KEY", fits, not_fits;
  for (std::size_t i = 0; i < wide.size(); ++i) {
    absl::StrAppend(&create, ", c", i, " ", wide[i].type);
    absl::StrAppend(&fits, ", '", wide[i].fits, "'");
    absl::StrAppend(&not_fits, ", '", wide[i].not_fits, "'");
  }
  Sql(create + ", kept date)");
  Sql("INSERT INTO wide VALUES (1" + fits + ", '2024-01-01')");
  Look();
  EXPECT_NE(ColumnOf("wide", "c0").type, Type::kAny);
  ASSERT_EQ(Rows("wide").size(), 1U);
  Sql("INSERT INTO wide VALUES (2" + not_fits + ", NULL)");

  // All columns are found out at once, by whatever reads them.
  EXPECT_EQ(Digest(reader_->Digests("wide", AllColumns(Table("wide").schema))).status().code(),
            absl::StatusCode::kAborted);
  Look();
  EXPECT_THAT(schema_.notes, testing::Contains(HasSubstr("it is mirrored as the source writes it")));
  const ShownRows rows = Rows("wide");
  ASSERT_EQ(rows.size(), 2U);
  for (std::size_t i = 0; i < wide.size(); ++i) {
    SCOPED_TRACE(wide[i].type + " " + wide[i].not_fits);
    EXPECT_EQ(ColumnOf("wide", absl::StrCat("c", i)).type, Type::kAny);
    EXPECT_EQ(ColumnOf("wide", absl::StrCat("c", i)).affinity, wide[i].affinity);
    EXPECT_EQ(rows[0][i + 1], wide[i].fits_shown);
    EXPECT_EQ(rows[1][i + 1], "t:" + wide[i].not_fits);
  }
  EXPECT_EQ(ColumnOf("wide", "kept").type, Type::kDate);
  ExpectEqualDigests("wide");

  // A later run knows, and does not tell it again.
  Open();
  Look();
  EXPECT_EQ(ColumnOf("wide", "c0").type, Type::kAny);
  EXPECT_THAT(schema_.notes, testing::IsEmpty());
  // Other columns may come; what is of another type now is looked at anew.
  Sql("ALTER TABLE wide ADD more text; ALTER TABLE wide ALTER c0 TYPE text USING c0::text");
  Look();
  EXPECT_EQ(ColumnOf("wide", "c0").type, Type::kText);
  EXPECT_EQ(ColumnOf("wide", "c1").type, Type::kAny);
  reader_->Forget("wide");
  Look();
  EXPECT_EQ(ColumnOf("wide", "c1").type, Type::kDate);
}

TEST_F(PostgresTypesTest, AValueThatDoesNotFitIsMetByEachWayToRead) {
  Sql("CREATE TABLE t (id int4 PRIMARY KEY, d date); INSERT INTO t VALUES (1, '2024-01-01'), (2, "
      "'infinity')");
  ExpectMisfitsByEachWay("t", "d");
}

TEST_F(PostgresTypesTest, ADatabaseWithoutEncodingHasTextsOfAnyBytes) {
  Sql("CREATE DATABASE bytes_" + Text("SELECT current_database()::text") +
      " ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
  const std::string conninfo = server_->Conninfo("bytes_" + Text("SELECT current_database()::text"));
  connection_ = Connect(conninfo);
  Sql("SET client_encoding TO 'SQL_ASCII'; CREATE TABLE public.t (id int4 PRIMARY KEY, v text, n numeric);"
      "INSERT INTO public.t VALUES (1, E'\\xff', 1.50), (2, 'a', NULL)");
  options_.access.dsn = conninfo;
  Open();
  Look();
  EXPECT_EQ(ColumnOf("t", "v").type, Type::kAny);
  EXPECT_EQ(ColumnOf("t", "n").type, Type::kText);
  EXPECT_EQ(Rows("t"), (ShownRows{{"i:1", "x:ff", "t:1.50"}, {"i:2", "t:a", "null"}}));
  ExpectEqualDigests("t");
  // A key, too; and a name that nobody can show.
  Sql("CREATE TABLE public.k (id text PRIMARY KEY); INSERT INTO public.k VALUES (E'\\xfe'), ('a');"
      "CREATE TABLE public.\"\xff\" (id int4)");
  Look();
  ASSERT_EQ(schema_.refused.size(), 1U);
  ExpectEqualDigests("k");
  const absl::StatusOr<Found> found =
      RowsOf("k", {{{.kind = Kind::kRawText, .bytes = "\xfe"}}, TextKey("b")});
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->rows, (ShownRows{{"x:fe"}}));
  EXPECT_EQ(found->gone, (ShownRows{{"t:b"}}));
}

TEST_F(PostgresTypesTest, KeysOfEachTypeAreFoundAndSorted) {
  struct KeyCase {
    std::string type;
    std::vector<std::string> literals;
  };
  const std::vector<KeyCase> keys = {
      {"int2", {"-1", "0", "7"}},
      {"int8", {"-9223372036854775808", "0", "9"}},
      {"bool", {"f", "t"}},
      {"float8", {"-0.5", "0", "0.1", "1e300"}},
      {"float4", {"0.1", "0.2", "16777216"}},
      {"numeric(10,2)", {"-1.50", "10.00", "9.00"}},
      {"numeric", {"1.0", "1.01", "NaN"}},
      {"text", {"A", "B", "a", "\u00e4", "_"}},
      {"varchar(9)", {"A", "a ", "a"}},
      {"char(3)", {"a", "b"}},
      {"citext", {"Ab", "b"}},
      {"mood", {"sad", "Happy"}},
      {"uuid", {"00000000-0000-0000-0000-000000000001", "f0000000-0000-0000-0000-000000000001"}},
      {"bytea", {"", "\\x00", "\\xff"}},
      {"date", {"0001-01-01", "2024-02-29"}},
      {"timestamp(3)", {"2024-02-29 12:00:00.123", "9999-12-31 23:59:59"}},
      {"timestamptz", {"2024-02-29 12:00:00.123456+00", "0001-01-01 00:00:00+00"}},
      {"time", {"00:00:00", "23:59:59.999999"}},
      {"interval", {"1 day", "2 mons"}},
      {"inet", {"10.0.0.1", "10.0.0.1/8"}},
      {"int4[]", {"{1,2}", "{}"}},
      {"code", {"a", "b"}},
  };
  std::string sql;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    absl::StrAppend(&sql, "CREATE TABLE k", i, " (v text, k ", keys[i].type, " PRIMARY KEY);");
    for (const std::string& literal : keys[i].literals)
      absl::StrAppend(&sql, "INSERT INTO k", i, " VALUES ('v', '", literal, "');");
  }
  Sql(sql);
  Look();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    SCOPED_TRACE(keys[i].type);
    const std::string name = absl::StrCat("k", i);
    EXPECT_EQ(Table(name).problem, "");
    ExpectRowsByKey(name, keys[i].literals.size(), [&] { Sql("DELETE FROM " + name); });
  }
}

}  // namespace
}  // namespace mirror::postgres_types_test
