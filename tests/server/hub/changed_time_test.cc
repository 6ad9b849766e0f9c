#include "server/hub/snapshot_look.h"

#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <string>

namespace mirror::changed_time_test {
namespace {

std::optional<std::int64_t> Of(Literal value, const std::string& format = "") {
  return ChangedTime({.name = "changed", .type = Type::kAny}, value, format);
}
std::optional<std::int64_t> OfText(const std::string& text, const std::string& format = "") {
  return Of(text, format);
}

constexpr std::int64_t kHalfPastTen = 1'750'847'400'000;  // 2025-06-25 10:30:00 UTC

TEST(ChangedTime, IsReadOfTextsAsIso8601) {
  EXPECT_EQ(OfText("2025-06-25T10:30:00"), kHalfPastTen);
  EXPECT_EQ(OfText("2025-06-25 10:30:00"), kHalfPastTen);
  EXPECT_EQ(OfText("2025-06-25 10:30:00.25"), kHalfPastTen + 250);
  EXPECT_EQ(OfText("2025-06-25"), kHalfPastTen - 37'800'000);
}

TEST(ChangedTime, FollowsTheZoneThatATextNames) {
  EXPECT_EQ(OfText("2025-06-25T10:30:00Z"), kHalfPastTen);
  EXPECT_EQ(OfText("2025-06-25T12:30:00+02:00"), kHalfPastTen);
  EXPECT_EQ(OfText("2025-06-25 05:00:00.5-05:30"), kHalfPastTen + 500);
}

TEST(ChangedTime, IsReadByAFormOfItsOwn) {
  EXPECT_EQ(OfText("06/25/2025 10:30:00 AM", "%m/%d/%Y %I:%M:%S %p"), kHalfPastTen);
  EXPECT_EQ(OfText("06/25/2025 10:30:00 PM", "%m/%d/%Y %I:%M:%S %p"), kHalfPastTen + 43'200'000);
  EXPECT_EQ(OfText("2025-06-25 10:30:00", "%m/%d/%Y"), std::nullopt);
}

TEST(ChangedTime, IsNoneOfWhatCannotBeRead) {
  for (const char* const text :
       {"", "yesterday", "2025-06-25T10:30:00 noon", "infinite-future", "2025-13-01"}) {
    EXPECT_EQ(OfText(text), std::nullopt) << text;
  }
  EXPECT_EQ(Of(Null{}), std::nullopt);
  EXPECT_EQ(Of(std::numeric_limits<std::int64_t>::min()), std::nullopt);
}

TEST(ChangedTime, OfNumbersIsSecondsOrMilliseconds) {
  EXPECT_EQ(Of(kHalfPastTen / 1'000), kHalfPastTen);
  EXPECT_EQ(Of(kHalfPastTen), kHalfPastTen);
}

}  // namespace
}  // namespace mirror::changed_time_test
