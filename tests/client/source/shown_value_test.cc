// The column by which changes are found: as it travels, and as a pointer has it.

#include "client/source/capture/shown_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "client/source/capture/capture_rule.h"
#include "proto/wire/text_form.h"
#include "tests/support/status_matchers.h"

namespace mirror::shown_value_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Column Of(Type type, std::uint32_t precision = 0, std::uint32_t scale = 0) {
  Column column;
  column.name = "at";
  column.type = type;
  column.precision = precision;
  column.scale = scale;
  return column;
}
KeyPart Text(const std::string& text) { return {Kind::kText, 0, 0, text}; }
KeyPart Whole(std::int64_t number) { return {Kind::kInteger, number, 0, ""}; }

struct Case {
  std::string name;
  Column column;
  std::string shown, whole;  ///< `whole`: what `shown`, which may be cut, stands for.
};

class ShownValueTest : public testing::TestWithParam<Case> {};

TEST_P(ShownValueTest, WhatIsShownIsGivenBackAlsoWhenItWasCut) {
  const Case& test = GetParam();
  const absl::StatusOr<KeyPart> given = GivenValue(test.column, Text(test.shown));
  ASSERT_THAT(given, IsOk());
  EXPECT_EQ(given->kind, test.column.type == Type::kUuid ? Kind::kBlob : Kind::kInteger);
  EXPECT_EQ(ShownValue(test.column, *given), Text(test.whole));
}

INSTANTIATE_TEST_SUITE_P(ShownValue, ShownValueTest,
                         testing::Values(Case{"Date", Of(Type::kDate), "2024-05-01", "2024-05-01"},
                                         Case{"MonthOfADate", Of(Type::kDate), "2024-05", "2024-05-01"},
                                         Case{"Time", Of(Type::kTime, 3), "12:30:00.250", "12:30:00.250"},
                                         Case{"MinuteOfATime", Of(Type::kTime), "12:30", "12:30:00"},
                                         Case{"Timestamp", Of(Type::kTimestamp, 7),
                                              "2024-05-01 12:30:00.1234567", "2024-05-01 12:30:00.1234567"},
                                         Case{"HourOfATimestamp", Of(Type::kTimestamp, 3), "2024-05-01 12",
                                              "2024-05-01 12:00:00.000"},
                                         Case{"DayOfATimestamp", Of(Type::kTimestamp), "2024-05-01",
                                              "2024-05-01 00:00:00"},
                                         Case{"Zoned", Of(Type::kTimestampTz, 6),
                                              "2024-05-01 12:30:00.000001Z", "2024-05-01 12:30:00.000001Z"},
                                         Case{"SecondOfAZoned", Of(Type::kTimestampTz, 6),
                                              "2024-05-01 12:30:00", "2024-05-01 12:30:00.000000Z"},
                                         Case{"SecondOfAZonedWithItsZone", Of(Type::kTimestampTz, 6),
                                              "2024-05-01 12:30:00Z", "2024-05-01 12:30:00.000000Z"},
                                         Case{"Uuid", Of(Type::kUuid), "0b5b4c4e-7d3f-4a54-9c3e-0123456789ab",
                                              "0b5b4c4e-7d3f-4a54-9c3e-0123456789ab"}),
                         [](const auto& test) { return test.param.name; });

TEST(ShownValueTest, WhatIsNoValueOfTheColumnIsRefused) {
  for (const Type type : {Type::kDate, Type::kTime, Type::kTimestamp, Type::kTimestampTz, Type::kUuid}) {
    for (const char* text : {"x", "2024-13-01 00:00:00", "2024-05-01T00:00:00", "1714521600"}) {
      EXPECT_THAT(GivenValue(Of(type), Text(text)),
                  StatusIs(absl::StatusCode::kInvalidArgument,
                           AllOf(HasSubstr("'at'"), HasSubstr(std::string(ToString(type))))))
          << text;
    }
    EXPECT_THAT(GivenValue(Of(type), Whole(7)), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("")));
    EXPECT_THAT(GivenValue(Of(type), BeforeAll()), IsOkAndHolds(BeforeAll()));
    EXPECT_THAT(GivenValue(Of(type), KeyPart{}), IsOkAndHolds(KeyPart{}));
  }
}

TEST(ShownValueTest, NumbersAndTextsStayAsTheyAre) {
  for (const Type type : {Type::kInt64, Type::kText, Type::kAny}) {
    for (const KeyPart& part : {Whole(7), Text("2024-05-01"), KeyPart{}, BeforeAll()}) {
      EXPECT_EQ(ShownValue(Of(type), part), part);
      EXPECT_THAT(GivenValue(Of(type), part), IsOkAndHolds(part));
    }
  }
}

TEST(ShownValueTest, DecimalsAreInTheOrderOfNumbers) {
  const Column column = Of(Type::kDecimal, 38, 4);
  const std::string ascending[] = {"-100", "-12.5", "-12.25", "-0.5", "0",  "0.0001", "0.001",
                                   "2",    "9.9",   "10",     "10.5", "99", "100",    "18446744073709551615"};
  for (std::size_t i = 0; i < std::size(ascending); ++i) {
    for (std::size_t j = 0; j < std::size(ascending); ++j) {
      EXPECT_EQ(IsBelow(column, Text(ascending[i]), Text(ascending[j])), i < j)
          << ascending[i] << " " << ascending[j];
    }
    EXPECT_TRUE(IsBelow(column, BeforeAll(), Text(ascending[i]))) << ascending[i];
  }
  for (const char* same : {"0", "-0", "0.00", "-0.0"}) {
    EXPECT_FALSE(IsBelow(column, Text(same), Text("0"))) << same;
    EXPECT_FALSE(IsBelow(column, Text("0"), Text(same))) << same;
  }
  EXPECT_FALSE(IsBelow(column, Text("12.50"), Text("12.5")));
  EXPECT_FALSE(IsBelow(column, Text("12.5"), Text("12.50")));
  EXPECT_TRUE(IsBelow(column, Text("9"), Whole(10))) << "a moment in seconds";
  EXPECT_TRUE(IsBelow(Of(Type::kText), Text("10"), Text("9"))) << "texts by their bytes";
}

TEST(ShownValueTest, APointerIsCutToStepsAndUnits) {
  const Column decimal = Of(Type::kDecimal, 20, 2);
  const Precision hundred{.step = 100};
  const auto given = [&](const char* text) {
    return GivenValue(decimal, CutPointer(decimal, Text(text), hundred));
  };
  EXPECT_THAT(given("1234.56"), IsOkAndHolds(Text("1200")));
  EXPECT_THAT(given("-100.01"), IsOkAndHolds(Text("-200")));
  EXPECT_THAT(given("-0.5"), IsOkAndHolds(Text("-100")));
  EXPECT_THAT(given("18446744073709551615"), IsOkAndHolds(Text("18446744073709551615")))
      << "too long for a number, which is no harm: more is not read again";
  EXPECT_EQ(CutPointer(Of(Type::kTimestamp), Text("2024-05-01 12:30:00"), {.unit = TimeUnit::kHour}),
            Text("2024-05-01 12"));
}

}  // namespace
}  // namespace mirror::shown_value_test
