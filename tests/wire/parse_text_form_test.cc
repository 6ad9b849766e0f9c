#include "proto/wire/text_form.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>

#include "proto/wire/text_form.h"
#include "tests/wire/batches.h"

namespace mirror::parse_text_form_test {
namespace {

using testing::Eq;
using testing::Optional;

Column Of(Type type, std::uint32_t precision = 0) {
  Column column = MakeColumn("value", type);
  column.precision = precision;
  return column;
}

TEST(ParseTextFormTest, GivesTheValueThatWasWritten) {
  const std::int64_t day = 864'000'000'000, last_day = 3'652'058 * day;
  for (const std::int64_t days : {0, 59, 60, 365, 719'162, 738'944, 3'652'058}) {
    EXPECT_THAT(ParseTextForm(Of(Type::kDate), DateText(days * day)), Optional(days * day)) << days;
  }
  EXPECT_THAT(ParseTextForm(Of(Type::kTime), "23:59:59"), Optional(day - 10'000'000));
  for (const Type type : {Type::kTime, Type::kTimestamp, Type::kTimestampTz}) {
    const std::int64_t value = type == Type::kTime ? day - 1 : last_day + day - 1;
    EXPECT_THAT(ParseTextForm(Of(type, 7), TextForm(Of(type, 7), value, {})), Optional(value));
    EXPECT_THAT(ParseTextForm(Of(type, 3), TextForm(Of(type, 3), 1'230'000, {})), Optional(1'230'000));
  }
  const std::string bytes = "0123456789abcdef";
  EXPECT_THAT(ParseUuid(UuidText(bytes)), Optional(bytes));
}

TEST(ParseTextFormTest, AnotherWayToWriteItIsNone) {
  for (const char* const text : {"", "0000-12-31", "2024-02-30", "2024-2-03", "2024-02-03 ", "10000-01-01",
                                 "2024-02-03 00:00:00", "2024/02/03", "\xF0\x9F\x98\x80"}) {
    EXPECT_THAT(ParseTextForm(Of(Type::kDate), text), Eq(std::nullopt)) << text;
  }
  for (const char* const text :
       {"24:00:00.000", "12:00:00", "12:00:00.0000", "12:00:60.000", "12.00.00.000"}) {
    EXPECT_THAT(ParseTextForm(Of(Type::kTime, 3), text), Eq(std::nullopt)) << text;
  }
  for (const char* const text : {"2024-02-03 00:00:00", "2024-02-03T00:00:00Z", "2024-02-03"}) {
    EXPECT_THAT(ParseTextForm(Of(Type::kTimestampTz), text), Eq(std::nullopt)) << text;
  }
  for (const char* const text :
       {"", "30313233-3435-3637-3839-61626364656", "30313233343536373839616263646566",
        "30313233-3435-3637-3839-61626364656G", "30313233-3435-3637-3839-6162636465AB"}) {
    EXPECT_THAT(ParseUuid(text), Eq(std::nullopt)) << text;
  }
}

}  // namespace
}  // namespace mirror::parse_text_form_test
