#include "server/records/json_row.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "proto/wire/json_rows.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror::json_row_test {
namespace {

constexpr std::int64_t kInt64Min = std::numeric_limits<std::int64_t>::min();
/// 1970-01-01 as it travels: of 100 ns since the year 1.
constexpr std::int64_t kEpochTicks = 621'355'968'000'000'000;

/// A value of a column of this type, as it stands in an answer.
struct TypedCase {
  std::string name;
  Type type = Type::kAny;
  Cell cell;
  std::string json;
};
class JsonRowTypeTest : public testing::TestWithParam<TypedCase> {};

/// The first row of `table` as an answer has it.
std::string JsonOfRow(const TableSchema& table, const Row& row) {
  const TestBatch made = MakeBatch(table, {.rows = {row}});
  if (!made.batch.ok()) return made.batch.status().ToString();
  std::vector<std::uint32_t> columns;
  for (std::uint32_t i = 0; i < table.columns.size(); ++i) columns.push_back(i);
  std::string json;
  JsonRows(table, columns).Append(made.batch->columns, 0, &json);
  EXPECT_TRUE(nlohmann::json::accept(json)) << json;
  return json;
}

std::string PageKeyOf(const TableSchema& table, const Row& row) {
  const TestBatch made = MakeBatch(table, {.rows = {row}});
  return made.batch.ok() ? PageKey(table, *made.batch, 0) : made.batch.status().ToString();
}

TEST_P(JsonRowTypeTest, IsWrittenByItsType) {
  const TableSchema table =
      NamedTable("t", {KeyColumn("id", Type::kInt32), PlainColumn("v", GetParam().type)});
  EXPECT_EQ(JsonOfRow(table, {1, GetParam().cell}), "{\"id\":1,\"v\":" + GetParam().json + "}");
  EXPECT_EQ(JsonOfRow(table, {1, nullptr}), "{\"id\":1,\"v\":null}");
}

INSTANTIATE_TEST_SUITE_P(
    Types, JsonRowTypeTest,
    testing::Values(
        TypedCase{"BoolTrue", Type::kBool, 1, "true"}, TypedCase{"BoolFalse", Type::kBool, 0, "false"},
        TypedCase{"Int16", Type::kInt16, -32'768, "-32768"}, TypedCase{"Int32", Type::kInt32, 7, "7"},
        TypedCase{"Int64", Type::kInt64, kInt64Min, "\"-9223372036854775808\""},
        TypedCase{"SmallInt64", Type::kInt64, 7, "\"7\""}, TypedCase{"Double", Type::kDouble, 0.1, "0.1"},
        TypedCase{"HugeDouble", Type::kDouble, 1e300, "1e+300"},
        TypedCase{"NegativeZero", Type::kDouble, -0.0, "-0"},
        TypedCase{"Decimal", Type::kDecimal, "12345678901234567890.5000000000",
                  "\"12345678901234567890.5000000000\""},
        TypedCase{"Text", Type::kText, "a\"b\\\n\x01\xC3\xA4", "\"a\\\"b\\\\\\n\\u0001\xC3\xA4\""},
        TypedCase{"Bytes", Type::kBytes, Blob(std::string("\0\xff", 2)), "\"AP8=\""},
        TypedCase{"NoBytes", Type::kBytes, Blob(""), "\"\""},
        TypedCase{"Date", Type::kDate, kEpochTicks, "\"1970-01-01\""},
        TypedCase{"Uuid", Type::kUuid, Blob("0123456789abcdef"), "\"30313233-3435-3637-3839-616263646566\""},
        TypedCase{"AnyInteger", Type::kAny, 7, "\"7\""}, TypedCase{"AnyReal", Type::kAny, 0.5, "0.5"},
        TypedCase{"AnyText", Type::kAny, "x", "\"x\""},
        TypedCase{"AnyBlob", Type::kAny, Blob("A"), "\"QQ==\""}),
    [](const auto& test) { return test.param.name; });

/// Keys of one column, there and back.
class JsonRowKeyTest : public testing::TestWithParam<TypedCase> {};

TEST_P(JsonRowKeyTest, GoesThereAndBack) {
  const TypedCase& test = GetParam();
  Column id = PlainColumn("id", test.type);
  id.nullable = false;
  id.key_position = 1;
  const TableSchema table = NamedTable("t", {id});
  const std::string text = PageKeyOf(table, {test.cell});
  EXPECT_EQ(text, test.json);
  const absl::StatusOr<Key> key = KeyOfPage(table, text);
  ASSERT_THAT(key, IsOk());
  ASSERT_EQ(key->size(), 1U);
  EXPECT_EQ(key->front().kind, test.cell.kind);
  EXPECT_EQ(key->front(), (KeyPart{test.cell.kind, test.cell.integer, test.cell.real, test.cell.bytes}));
}

INSTANTIATE_TEST_SUITE_P(
    Types, JsonRowKeyTest,
    testing::Values(
        TypedCase{"Text", Type::kText, "a\"[1]", "a\"[1]"}, TypedCase{"NoText", Type::kText, "", ""},
        TypedCase{"TextLikeAnArray", Type::kText, "[\"x\"]", "[\"x\"]"},
        TypedCase{"Int32", Type::kInt32, -7, "[-7]"},
        TypedCase{"Int64", Type::kInt64, kInt64Min, "[\"-9223372036854775808\"]"},
        TypedCase{"Bool", Type::kBool, 1, "[true]"}, TypedCase{"Double", Type::kDouble, 0.1, "[0.1]"},
        TypedCase{"Date", Type::kDate, kEpochTicks, "[\"1970-01-01\"]"},
        TypedCase{"Uuid", Type::kUuid, Blob("0123456789abcdef"),
                  "[\"30313233-3435-3637-3839-616263646566\"]"},
        TypedCase{"Bytes", Type::kBytes, Blob(std::string("\0\xff", 2)), "[\"AP8=\"]"},
        TypedCase{"AnyInteger", Type::kAny, 7, "[\"i:7\"]"},
        TypedCase{"AnyText", Type::kAny, "7", "[\"t:7\"]"}, TypedCase{"AnyReal", Type::kAny, 7.5, "[7.5]"},
        TypedCase{"AnyBlob", Type::kAny, Blob("A"), "[\"b:QQ==\"]"}),
    [](const auto& test) { return test.param.name; });

/// No batch may have them; what a store gives may.
TEST(JsonRowTest, NumbersThatJsonHasNotAreTexts) {
  const TableSchema table = NamedTable("t", {PlainColumn("v", Type::kDouble)});
  RowBlock block;
  block.columns.emplace_back(0, Storage::kDoubles);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const double value : {kInfinity, -kInfinity, std::nan("")}) block.columns[0].AppendDouble(value);
  const ChangeBatch batch = ViewOf(table, &block);
  std::string json;
  for (std::uint32_t row = 0; row < 3; ++row) JsonRows(table, {0}).Append(batch.columns, row, &json);
  EXPECT_EQ(json, R"({"v":"Infinity"}{"v":"-Infinity"}{"v":"NaN"})");
  Column id = KeyColumn("id", Type::kDouble);
  const TableSchema keyed = NamedTable("t", {id});
  EXPECT_EQ(PageKey(keyed, batch, 1), R"(["-Infinity"])");
  EXPECT_EQ(KeyOfPage(keyed, R"(["-Infinity"])")->front().real, -kInfinity);
}

TEST(JsonRowTest, KeysOfSeveralColumnsAreArraysOfAllOfThem) {
  const TableSchema pairs = Pairs();
  EXPECT_EQ(PageKeyOf(pairs, {1, "x\"y", "v"}), R"([1,"x\"y"])");
  const absl::StatusOr<Key> key = KeyOfPage(pairs, R"([1,"x\"y"])");
  ASSERT_THAT(key, IsOk());
  EXPECT_EQ(*key, (Key{{.kind = Kind::kInteger, .integer = 1}, {.kind = Kind::kText, .bytes = "x\"y"}}));
}

TEST(JsonRowTest, AKeyOfOneNumberNeedsNoArray) {
  EXPECT_EQ(*KeyOfPage(People(), "42"), (Key{{.kind = Kind::kInteger, .integer = 42}}));
}

TEST(JsonRowTest, WhatIsNoKeyIsRefusedWithTheTablesName) {
  for (const char* const text : {"", "x", "[]", "[1,2]", "[null]", "[[1]]", "[\"x\"]", "1.5", "{\"id\":1}",
                                 "9223372036854775808", "[1", "[true]"}) {
    EXPECT_THAT(KeyOfPage(People(), text),
                StatusIs(absl::StatusCode::kInvalidArgument, testing::HasSubstr("'people'")))
        << text;
  }
  EXPECT_THAT(KeyOfPage(Pairs(), "1"), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace mirror::json_row_test
