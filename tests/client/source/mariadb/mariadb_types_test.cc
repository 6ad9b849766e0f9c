#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/client/source/mariadb/mariadb_source.h"

namespace mirror::mariadb_types_test {
namespace {

using testing::HasSubstr;

class MariadbTypesTest : public MariadbSourceTest {};

struct TypeCase {
  std::string type;     ///< Of MariaDB.
  std::string literal;  ///< As it stands in SQL.
  std::string shown;    ///< As ShowKind has it.
  Type wire = Type::kText;
  std::uint32_t precision = 0, scale = 0;
};

const std::vector<TypeCase>& Types() {
  static const std::string kPoint("\0\0\0\0\1\1\0\0\0\0\0\0\0\0\0\360?\0\0\0\0\0\0\0@", 25);
  static const std::vector<TypeCase> kTypes = {
      {"BOOLEAN", "TRUE", "i:1", Type::kInt16},
      {"TINYINT", "-128", "i:-128", Type::kInt16},
      {"TINYINT UNSIGNED", "255", "i:255", Type::kInt16},
      {"SMALLINT", "-32768", "i:-32768", Type::kInt16},
      {"SMALLINT UNSIGNED", "65535", "i:65535", Type::kInt32},
      {"MEDIUMINT", "-8388608", "i:-8388608", Type::kInt32},
      {"MEDIUMINT UNSIGNED", "16777215", "i:16777215", Type::kInt32},
      {"INT", "-2147483648", "i:-2147483648", Type::kInt32},
      {"INT UNSIGNED", "4294967295", "i:4294967295", Type::kInt64},
      {"INT(6) ZEROFILL", "42", "i:42", Type::kInt64},
      {"BIGINT", "-9223372036854775808", "i:-9223372036854775808", Type::kInt64},
      {"BIGINT UNSIGNED", "18446744073709551615", "t:18446744073709551615", Type::kDecimal, 20, 0},
      {"BIGINT(20) ZEROFILL", "7", "t:7", Type::kDecimal, 20, 0},
      {"BIT(1)", "b'1'", "i:1", Type::kInt64},
      {"BIT(9)", "b'100000001'", "i:257", Type::kInt64},
      {"BIT(63)", "9223372036854775807", "i:9223372036854775807", Type::kInt64},
      {"BIT(64)", "18446744073709551615", "t:18446744073709551615", Type::kDecimal, 20, 0},
      {"FLOAT", "16777215", "r:1.67772e+07", Type::kFloat},
      {"FLOAT", "-0.0", "r:0", Type::kFloat},
      {"FLOAT(7,3)", "1.5", "r:1.5", Type::kFloat},
      {"DOUBLE", "-0.5", "r:-0.5", Type::kDouble},
      {"DOUBLE", "2.2250738585072014e-308", "r:2.22507e-308", Type::kDouble},
      {"DOUBLE UNSIGNED", "1.7976931348623157e308", "r:1.79769e+308", Type::kDouble},
      {"DECIMAL(12,2)", "-12.5", "t:-12.50", Type::kDecimal, 12, 2},
      {"DECIMAL(12,2)", "-0.0", "t:0.00", Type::kDecimal, 12, 2},
      {"DECIMAL(12,2) ZEROFILL", "1.5", "t:1.50", Type::kDecimal, 12, 2},
      {"DECIMAL(5)", "-99999", "t:-99999", Type::kDecimal, 5, 0},
      {"DECIMAL(65,30)", "0.000000000000000000000000000001", "t:0.000000000000000000000000000001",
       Type::kDecimal, 65, 30},
      {"CHAR(5)", "'ab '", "t:ab"},
      {"VARCHAR(10)", "'a '", "t:a "},
      {"VARCHAR(10) CHARACTER SET latin1", "'\u00fc\u20ac'", "t:\u00fc\u20ac"},
      {"VARCHAR(10) CHARACTER SET utf16", "'\u00fc'", "t:\u00fc"},
      {"VARCHAR(10) CHARACTER SET ascii", "'a'", "t:a"},
      {"TEXT", "'\u00fc\u20ac\U0001f600 '''", "t:\u00fc\u20ac\U0001f600 '"},
      {"TINYTEXT", "''", "t:"},
      {"LONGTEXT", "'x'", "t:x"},
      {"ENUM('sad','Hap,py')", "'Hap,py'", "t:Hap,py"},
      {"SET('a','b','c')", "'c,a'", "t:a,c"},
      {"JSON", "'{\"a\":  1}'", "t:{\"a\":  1}"},
      {"BINARY(4)", "'a'", "t:" + std::string("a\0\0\0", 4), Type::kBytes},
      {"VARBINARY(9)", "X'00FF'", "t:" + std::string("\0\377", 2), Type::kBytes},
      {"BLOB", "''", "t:", Type::kBytes},
      {"POINT", "POINT(1,2)", "t:" + kPoint, Type::kBytes},
      {"GEOMETRY", "POINT(1,2)", "t:" + kPoint, Type::kBytes},
      {"DATE", "'0001-01-01'", "i:0", Type::kDate},
      {"DATE", "'9999-12-31'", "i:3155378112000000000", Type::kDate},
      {"DATETIME", "'0001-01-01 00:00:01'", "i:10000000", Type::kTimestamp, 0},
      {"DATETIME(6)", "'9999-12-31 23:59:59.999999'", "i:3155378975999999990", Type::kTimestamp, 6},
      {"DATETIME(3)", "'0001-01-01 00:00:00.123'", "i:1230000", Type::kTimestamp, 3},
      {"TIMESTAMP(6) NULL", "'2000-01-01 00:00:00'", "i:630822816000000000", Type::kTimestampTz, 6},
      {"TIMESTAMP NULL", "'1970-01-01 00:00:01'", "i:621355968010000000", Type::kTimestampTz, 0},
      {"TIME", "'-838:59:59'", "t:-838:59:59"},
      {"TIME(6)", "'00:00:01.5'", "t:00:00:01.500000"},
      {"YEAR", "2155", "i:2155", Type::kInt16},
      {"YEAR", "0", "i:0", Type::kInt16},
      {"UUID", "'00010203-0405-0607-0809-0a0b0c0d0e0f'",
       "t:" + std::string("\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17", 16), Type::kUuid},
      {"INET6", "'2001:db8::ff00:42:8329'", "t:2001:db8::ff00:42:8329"},
      {"INET4", "'10.0.0.1'", "t:10.0.0.1"},
  };
  return kTypes;
}

TEST_F(MariadbTypesTest, EachTypeIsAnnouncedAndReadAsItsOwn) {
  std::string create = "CREATE TABLE every (id INT PRIMARY KEY", insert = "INSERT INTO every VALUES (1",
              nulls;
  for (std::size_t i = 0; i < Types().size(); ++i) {
    absl::StrAppend(&create, ", c", i, " ", Types()[i].type);
    absl::StrAppend(&insert, ", ", Types()[i].literal);
    nulls += ", NULL";
  }
  Sql(create + ")", insert + "), (2" + nulls + ")");
  Look();
  EXPECT_EQ(Table("every").problem, "");
  const ShownRows rows = Rows("every");
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(Table("every").record, "");
  for (std::size_t i = 0; i < Types().size(); ++i) {
    const TypeCase& type = Types()[i];
    SCOPED_TRACE(absl::StrCat(type.type, " ", type.literal));
    const Column& column = Table("every").schema.columns[i + 1];
    EXPECT_EQ(column.type, type.wire);
    EXPECT_EQ(column.precision, type.precision);
    EXPECT_EQ(column.scale, type.scale);
    EXPECT_EQ(column.length, 0U);
    EXPECT_TRUE(column.nullable);
    EXPECT_EQ(rows[0][i + 1], type.shown);
    EXPECT_EQ(rows[1][i + 1], "null");
  }
  ExpectEqualDigests("every");
}

TEST_F(MariadbTypesTest, AFloatingNumberKeepsAllOfItsDigits) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, f FLOAT, d DOUBLE, s DOUBLE(20,4))",
      "INSERT INTO t VALUES (1, 0.1, 0.1, 0.1), (2, 16777215, 5e-324, 123456789.1234), "
      "(3, 3.4028234e38, 0.30000000000000004, -1)");
  Look();
  auto read = reader_->Read("t", {1, 2, 3});
  ASSERT_THAT(read, IsOk());
  RowBlock block = RowBlock::For(Table("t").schema, {1, 2, 3});
  Pieces pieces;
  ASSERT_THAT((*read)->Next({}, &block, &pieces), IsOkAndHolds(false));
  const std::vector<double> floats = {0.1F, 16777215, 3.4028234e38F},
                            doubles = {0.1, 5e-324, 0.30000000000000004}, scaled = {0.1, 123456789.1234, -1};
  EXPECT_THAT(block.columns[0].doubles(), testing::ElementsAreArray(floats));
  EXPECT_THAT(block.columns[1].doubles(), testing::ElementsAreArray(doubles));
  EXPECT_THAT(block.columns[2].doubles(), testing::ElementsAreArray(scaled));
}

TEST_F(MariadbTypesTest, WhatATypeHasNoPlaceForMakesItsColumnAnyOnceForAll) {
  struct WideCase {
    std::string type, fits, not_fits;
  };
  const std::vector<WideCase> wide = {
      {"DATE", "2024-02-29", "0000-00-00"},
      {"DATE", "2024-02-29", "2024-00-00"},
      {"DATE NOT NULL", "2024-02-29", "0000-00-00"},
      {"DATE", "2024-02-29", "0000-01-01"},
      {"DATE", "2024-02-29", "2023-02-31"},
      {"DATETIME", "2024-02-29 12:00:00", "0000-00-00 00:00:00"},
      {"DATETIME(3)", "2024-02-29 12:00:00.500", "2024-02-00 00:00:00.000"},
      {"TIMESTAMP(1) NULL", "2024-02-29 12:00:00.5", "0000-00-00 00:00:00.0"},
  };
  std::string create = "CREATE TABLE wide (id INT PRIMARY KEY", fits, not_fits;
  for (std::size_t i = 0; i < wide.size(); ++i) {
    absl::StrAppend(&create, ", c", i, " ", wide[i].type);
    absl::StrAppend(&fits, ", '", wide[i].fits, "'");
    absl::StrAppend(&not_fits, ", '", wide[i].not_fits, "'");
  }
  Sql("SET sql_mode = 'ALLOW_INVALID_DATES'", create + ", kept DATE)",
      "INSERT INTO wide VALUES (1" + fits + ", '2024-01-01')");
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
    EXPECT_EQ(ColumnOf("wide", absl::StrCat("c", i)).affinity, Affinity::kText);
    EXPECT_EQ(rows[0][i + 1], "t:" + wide[i].fits);
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
  Sql("ALTER TABLE wide ADD more TEXT FIRST, MODIFY c0 VARCHAR(30)");
  Look();
  EXPECT_EQ(ColumnOf("wide", "c0").type, Type::kText);
  EXPECT_EQ(ColumnOf("wide", "c1").type, Type::kAny);
  reader_->Forget("wide");
  Look();
  EXPECT_EQ(ColumnOf("wide", "c1").type, Type::kDate);
}

TEST_F(MariadbTypesTest, AValueThatDoesNotFitIsMetByEachWayToRead) {
  Sql("SET sql_mode = ''", "CREATE TABLE t (id INT PRIMARY KEY, d DATE)",
      "INSERT INTO t VALUES (1, '2024-01-01'), (2, '0000-00-00')");
  ExpectMisfitsByEachWay("t", "d");
}

TEST_F(MariadbTypesTest, KeysOfEachTypeAreFoundAndSorted) {
  struct KeyCase {
    std::string type;
    std::vector<std::string> literals;
  };
  const std::vector<KeyCase> keys = {
      {"TINYINT", {"-1", "0", "7"}},
      {"BIGINT", {"-9223372036854775808", "0", "9"}},
      {"BIGINT UNSIGNED", {"0", "9", "10", "18446744073709551615"}},
      {"INT(5) ZEROFILL", {"1", "20"}},
      {"BIT(9)", {"1", "300"}},
      {"BIT(64)", {"1", "18446744073709551615"}},
      {"DOUBLE", {"-0.5", "0", "0.1", "1e300"}},
      {"FLOAT", {"0.1", "0.2", "16777216"}},
      {"DECIMAL(10,2)", {"-1.50", "10.00", "9.00"}},
      {"VARCHAR(9) COLLATE utf8mb4_bin", {"'A'", "'B'", "'a'", "'\u00e4'", "'_'"}},
      {"VARCHAR(9)", {"'A'", "'b'", "'\u00df'", "''"}},
      {"VARCHAR(9) CHARACTER SET latin1", {"'A'", "'b'", "'\u00e4'", "'\u20ac'"}},
      {"CHAR(3)", {"'a'", "'b'"}},
      {"ENUM('z','y')", {"'z'", "'y'"}},
      {"SET('z','y')", {"'z'", "'y'", "'y,z'", "''"}},
      {"UUID", {"'00000000-0000-0000-0000-000000000001'", "'f0000000-0000-0000-0000-000000000001'"}},
      {"VARBINARY(9)", {"''", "X'00'", "X'0000'", "X'FF'"}},
      {"BINARY(2)", {"'a'", "'b'"}},
      {"DATE", {"'0001-01-01'", "'2024-02-29'"}},
      {"DATETIME(3)", {"'2024-02-29 12:00:00.123'", "'9999-12-31 23:59:59'"}},
      {"TIMESTAMP(6)", {"'2024-02-29 12:00:00.123456'", "'1970-01-01 00:00:01'"}},
      {"TIME", {"'-10:00:00'", "'838:59:59'"}},
      {"YEAR", {"1901", "2024", "0"}},
      {"INET6", {"'::1'", "'2001:db8::1'"}},
  };
  for (std::size_t i = 0; i < keys.size(); ++i) {
    Sql(absl::StrCat("CREATE TABLE k", i, " (v TEXT, k ", keys[i].type, " PRIMARY KEY)"));
    for (const std::string& literal : keys[i].literals)
      Sql(absl::StrCat("INSERT INTO k", i, " VALUES ('v', ", literal, ")"));
  }
  Look();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    SCOPED_TRACE(keys[i].type);
    const std::string name = absl::StrCat("k", i);
    EXPECT_EQ(Table(name).problem, "");
    ExpectRowsByKey(name, keys[i].literals.size(), [&] { Sql("DELETE FROM " + name); });
  }
}

TEST_F(MariadbTypesTest, AKeyOfADateThatIsNoneIsFoundAsItIsWritten) {
  Sql("SET sql_mode = ''", "CREATE TABLE t (d DATE, n INT, PRIMARY KEY (d, n))",
      "INSERT INTO t VALUES ('2024-01-01', 1), ('0000-00-00', 2), ('2024-00-00', 3)");
  Look();
  EXPECT_EQ(ReadAll(*reader_, Table("t").schema).status.code(), absl::StatusCode::kAborted);
  Look();
  ExpectEqualDigests("t");
  const auto key = [](const std::string& date, int n) {
    return Key{TextKey(date).front(), IntKey(n).front()};
  };
  const absl::StatusOr<Found> found =
      RowsOf("t", {key("2024-01-01", 1), key("0000-00-00", 2), key("2024-00-00", 3), key("2024-00-00", 4)});
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->rows.size(), 3U);
  EXPECT_EQ(found->gone.size(), 1U);
}

}  // namespace
}  // namespace mirror::mariadb_types_test
