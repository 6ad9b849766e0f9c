#include "tools/mirror_harness/synthetic/values.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>

#include "tests/support/status_matchers.h"
#include "tools/mirror_harness/synthetic/schema_file.h"

namespace mirror::harness::values_test {
namespace {

constexpr std::int64_t kSecond = 10'000'000;

struct FormCase {
  std::string name, sql_type;
  std::int64_t ticks;
  std::string want;
};

class StoredFormTest : public testing::TestWithParam<FormCase> {};

TEST_P(StoredFormTest, IsTheTextOfTheContract) {
  const FormCase& test = GetParam();
  Column column;
  ASSERT_THAT(ReadSqlType(test.sql_type, &column), IsOk());
  std::string scratch;
  const Cell cell{Cell::Kind::kInt, test.ticks, 0, {}};
  const StoredCell stored = Stored(RecipeFor(column, 0), cell, &scratch);
  EXPECT_EQ(stored.kind, StoredCell::Kind::kText);
  EXPECT_EQ(stored.bytes, test.want);
}

INSTANTIATE_TEST_SUITE_P(
    Forms, StoredFormTest,
    testing::Values(FormCase{"First", "datetime", 0, "0001-01-01 00:00:00.000"},
                    FormCase{"Y1760", "datetime", TicksOfDay(1760, 1, 1), "1760-01-01 00:00:00.000"},
                    FormCase{"LeapDay", "datetime2(0)", TicksOfDay(2024, 2, 29) + 12 * 3600 * kSecond,
                             "2024-02-29 12:00:00"},
                    FormCase{"Last", "datetime2", TicksOfDay(9999, 12, 31) + 86'400 * kSecond - 1,
                             "9999-12-31 23:59:59.9999999"},
                    FormCase{"Zone", "datetimeoffset(3)", TicksOfDay(2024, 2, 29),
                             "2024-02-29 00:00:00.000Z"},
                    FormCase{"Date", "date", TicksOfDay(1900, 3, 1), "1900-03-01"},
                    FormCase{"Time", "time(2)", 3'661 * kSecond + kSecond / 4, "01:01:01.25"}),
    [](const auto& test) { return test.param.name; });

TEST(StoredTest, NegativeZeroIsZeroAndUuidIsText) {
  std::string scratch;
  Recipe recipe;
  recipe.type = Type::kDouble;
  EXPECT_FALSE(std::signbit(Stored(recipe, {Cell::Kind::kDouble, 0, -0.0, {}}, &scratch).real));
  recipe.type = Type::kUuid;
  const std::string bytes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, '\xff'};
  EXPECT_EQ(Stored(recipe, {Cell::Kind::kBytes, 0, 0, bytes}, &scratch).bytes,
            "00010203-0405-0607-0809-0a0b0c0d0eff");
}

}  // namespace
}  // namespace mirror::harness::values_test
