#include "tools/mirror_harness/synthetic/schema_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"
#include "tools/mirror_harness/synthetic/values.h"

namespace mirror::harness::schema_file_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

struct TypeCase {
  std::string name, text;
  Type want;  ///< kUnspecified: refused.
  std::uint32_t length = 0, precision = 0, scale = 0;
};

class ReadSqlTypeTest : public testing::TestWithParam<TypeCase> {};

TEST_P(ReadSqlTypeTest, GivesTypeAndAttributes) {
  const TypeCase& test = GetParam();
  Column column;
  const absl::Status read = ReadSqlType(test.text, &column);
  ASSERT_EQ(read.ok(), test.want != Type::kUnspecified) << read;
  if (!read.ok()) return;
  EXPECT_EQ(column.type, test.want);
  EXPECT_EQ(column.length, test.length);
  EXPECT_EQ(column.precision, test.precision);
  EXPECT_EQ(column.scale, test.scale);
}

INSTANTIATE_TEST_SUITE_P(
    SqlType, ReadSqlTypeTest,
    testing::Values(TypeCase{"Int", "int", Type::kInt32}, TypeCase{"Smallint", "smallint", Type::kInt16},
                    TypeCase{"Bigint", "bigint", Type::kInt64}, TypeCase{"Bit", "bit", Type::kBool},
                    TypeCase{"Float", "float", Type::kDouble}, TypeCase{"Real", "real", Type::kFloat},
                    TypeCase{"Nvarchar", "nvarchar(239)", Type::kText, 239},
                    TypeCase{"NvarcharMax", "nvarchar(max)", Type::kText},
                    TypeCase{"Ntext", "ntext", Type::kText},
                    TypeCase{"VarbinaryMax", "varbinary(max)", Type::kBytes},
                    TypeCase{"Datetime", "datetime", Type::kTimestamp, 0, 3},
                    TypeCase{"Datetime2", "datetime2(5)", Type::kTimestamp, 0, 5},
                    TypeCase{"Decimal", "decimal(18, 4)", Type::kDecimal, 0, 18, 4},
                    TypeCase{"Uuid", "uniqueidentifier", Type::kUuid}, TypeCase{"Date", "date", Type::kDate},
                    TypeCase{"Time", "time", Type::kTime, 0, 7},
                    TypeCase{"Unknown", "geography", Type::kUnspecified},
                    TypeCase{"NoEnd", "nvarchar(40", Type::kUnspecified},
                    TypeCase{"NoNumber", "nvarchar(x)", Type::kUnspecified}),
    [](const auto& test) { return test.param.name; });

struct DefaultCase {
  std::string name, text, sql_type;
  std::optional<Literal> want;  ///< Absent: refused.
};

class ReadSqlDefaultTest : public testing::TestWithParam<DefaultCase> {};

TEST_P(ReadSqlDefaultTest, GivesATypedLiteral) {
  const DefaultCase& test = GetParam();
  Column column;
  ASSERT_THAT(ReadSqlType(test.sql_type, &column), IsOk());
  column.nullable = true;
  const absl::StatusOr<Literal> literal = ReadSqlDefault(test.text, column);
  ASSERT_EQ(literal.ok(), test.want.has_value()) << literal.status();
  if (literal.ok()) {
    EXPECT_EQ(*literal, *test.want);
  }
}

const std::int64_t k1760 = TicksOfDay(1760, 1, 1);

INSTANTIATE_TEST_SUITE_P(
    SqlDefault, ReadSqlDefaultTest,
    testing::Values(DefaultCase{"Zero", "default ((0))", "int", std::int64_t{0}},
                    DefaultCase{"Negative", "default ((-1))", "smallint", std::int64_t{-1}},
                    DefaultCase{"RealFromInteger", "default ((15))", "float", 15.0},
                    DefaultCase{"EmptyText", "default (N'')", "nvarchar(9)", std::string()},
                    DefaultCase{"Quote", "default (N'it''s')", "nvarchar(9)", std::string("it's")},
                    DefaultCase{"Time", "default (N'1760-01-01 00:00:00')", "datetime", k1760},
                    DefaultCase{"TimeWithoutDashes", "default (N'17600101 00:00:00')", "datetime", k1760},
                    DefaultCase{"Call", "default (getdate())", "datetime", std::nullopt},
                    DefaultCase{"TooLarge", "default ((40000))", "smallint", std::nullopt},
                    DefaultCase{"TextForNumber", "default (N'x')", "int", std::nullopt}),
    [](const auto& test) { return test.param.name; });

class LoadSchemaFileTest : public testing::Test {
 protected:
  absl::StatusOr<std::vector<TableSchema>> Load(const std::string& json) {
    std::ofstream(path_) << json;
    return LoadSchemaFile(path_);
  }
  const TempFolder folder_;
  const std::string path_ = folder_.path() + "/tables.json";
};

TEST_F(LoadSchemaFileTest, TakesMarkedTablesWithTheirKeysAndLeavesOutColumnsWithoutType) {
  const auto tables = Load(R"json([
    {"table": "gone", "source": "documentation", "columns": []},
    {"table": "doc", "source": "documentation", "in_schema_sample": true, "columns": [
      {"name": "note", "primary_key": false, "sql_type": "nvarchar(4)", "sql_nullable": true},
      {"name": "untyped", "primary_key": false},
      {"name": "doc_id", "primary_key": true, "sql_type": "int", "sql_nullable": false}]
},
    {"table": "sample", "source": "schema sample only", "columns": [
      {"name": "id", "primary_key": false, "sql_type": "int", "sql_nullable": false, "sql_default": null},
      {"name": "n", "primary_key": false, "sql_type": "int", "sql_nullable": true,
       "sql_default": "default ((3))"}]},
    {"table": "keyless", "source": "documentation", "in_schema_sample": true, "columns": [
      {"name": "id", "primary_key": true},
      {"name": "n", "primary_key": false, "sql_type": "int", "sql_nullable": true}]}])json");
  ASSERT_THAT(tables, IsOk());
  ASSERT_EQ(tables->size(), 3U);
  EXPECT_EQ(tables->at(0).columns.size(), 2U);
  EXPECT_EQ(tables->at(0).Key(), std::vector<std::uint32_t>{1});
  EXPECT_EQ(tables->at(1).Key(), std::vector<std::uint32_t>{0});
  EXPECT_EQ(tables->at(1).columns[1].default_value, Literal(std::int64_t{3}));
  EXPECT_TRUE(tables->at(2).Key().empty());
}

TEST_F(LoadSchemaFileTest, NamesTableAndColumnOfAnUnknownType) {
  EXPECT_THAT(Load(R"json([{"table": "t", "in_schema_sample": true,
                        "columns": [{"name": "c", "sql_type": "geography"}]}])json"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("table 't', column 'c'")));
}

TEST_F(LoadSchemaFileTest, SaysWhereAFileIsNoJsonAndWhichEntryIsNoTable) {
  EXPECT_THAT(Load("[\n  {\"table\": tr}\n]").status().message(),
              AllOf(HasSubstr(path_ + ":2:"), HasSubstr("is not JSON"), Not(HasSubstr("exception"))));
  EXPECT_THAT(Load("").status().message(), HasSubstr(path_ + ":1:1: "));
  EXPECT_THAT(Load(R"([{"table": "a"}, 5])").status().message(),
              AllOf(HasSubstr("entry 2 of the list"), HasSubstr("'sql_type'"), Not(HasSubstr("exception"))));
}

TEST_F(LoadSchemaFileTest, RefusesWhatIsNotAList) {
  EXPECT_THAT(Load("{}"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not a list")));
  EXPECT_THAT(Load("{"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("Expected a list of tables")));
}

}  // namespace
}  // namespace mirror::harness::schema_file_test
