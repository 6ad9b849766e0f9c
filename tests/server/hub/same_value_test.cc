#include "server/hub/plan/read_row.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace mirror::same_value_test {
namespace {

TEST(SameValue, OneNumberHoweverItIsWritten) {
  const std::vector<Literal> same = {12.5,
                                     std::string("12.5"),
                                     std::string("12.50"),
                                     std::string("+012.5000"),
                                     std::string("1.25e1"),
                                     std::string("125E-1")};
  for (const Literal& a : same) {
    for (const Literal& b : same) EXPECT_TRUE(SaysTheSame(a, b, FormOf::kTyped));
  }
  EXPECT_TRUE(SaysTheSame(std::int64_t{1'200}, std::string("1200.00"), FormOf::kTyped));
  EXPECT_TRUE(SaysTheSame(std::int64_t{0}, std::string("-0.0"), FormOf::kTyped));
  EXPECT_TRUE(SaysTheSame(1e21, std::string("1000000000000000000000"), FormOf::kTyped));
  EXPECT_TRUE(SaysTheSame(std::string(".5"), 0.5, FormOf::kTyped));
}

TEST(SameValue, OtherNumbersAndTextsAreOthers) {
  EXPECT_FALSE(SaysTheSame(12.5, std::string("12.51"), FormOf::kTyped));
  EXPECT_FALSE(SaysTheSame(std::string("9007199254740993"), std::string("9007199254740992"), FormOf::kTyped));
  EXPECT_FALSE(SaysTheSame(std::int64_t{5}, std::int64_t{-5}, FormOf::kTyped));
  EXPECT_FALSE(SaysTheSame(std::string("1"), std::string("10"), FormOf::kTyped));
  EXPECT_FALSE(SaysTheSame(std::string("1.2.3"), std::string("1.2.30"), FormOf::kTyped));
  EXPECT_FALSE(SaysTheSame(std::string("0x10"), std::string("16"), FormOf::kTyped));
  EXPECT_FALSE(SaysTheSame(std::string(""), std::int64_t{0}, FormOf::kTyped));
  EXPECT_FALSE(SaysTheSame(Null{}, std::int64_t{0}, FormOf::kTyped));
  EXPECT_FALSE(SaysTheSame(std::string("1e"), std::string("1"), FormOf::kTyped));
  EXPECT_FALSE(SaysTheSame(std::string("1e99999999999"), std::string("1"), FormOf::kTyped));
  EXPECT_FALSE(SaysTheSame(std::string("infinity"), std::string("inf"), FormOf::kTyped));
}

TEST(SameValue, OneMomentHoweverItIsWritten) {
  const std::vector<std::string> same = {"2026-01-02T03:04:05Z",      "2026-01-02 03:04:05+00",
                                         "2026-01-02 03:04:05.000",   "2026-01-02T03:04:05.0+00:00",
                                         "2026-01-02 03:04:05.00-00", "2026-01-02 03:04:05"};
  for (const std::string& a : same) {
    for (const std::string& b : same) EXPECT_TRUE(SaysTheSame(a, b, FormOf::kTyped)) << a << " and " << b;
  }
  EXPECT_TRUE(
      SaysTheSame(std::string("2026-01-02 03:04"), std::string("2026-01-02T03:04:00"), FormOf::kTyped));
  EXPECT_TRUE(SaysTheSame(std::string("2026-01-02 03:04:05+02"), std::string("2026-01-02T03:04:05+0200"),
                          FormOf::kTyped));
}

TEST(SameValue, OtherMomentsAreOthers) {
  const std::string moment = "2026-01-02T03:04:05Z";
  for (const char* other :
       {"2026-01-02T03:04:06Z", "2026-01-02T03:04:05.001Z", "2026-01-02T03:04:05+01", "2026-01-03T03:04:05Z",
        "2026-01-02", "2026-01-02T03:04:05Zulu", "2026-01-02T03:04:05 "}) {
    EXPECT_FALSE(SaysTheSame(moment, std::string(other), FormOf::kTyped)) << other;
  }
}

TEST(SameValue, TextsInAColumnOfAnyKindAreAsSomebodyTypedThem) {
  struct Case {
    std::string name, a, b;
  };
  const std::vector<Case> cases = {
      {"leading zero", "1067", "01067"},
      {"plus sign", "4930123", "+4930123"},
      {"exponent", "1E5", "100000"},
      {"trailing zero", "1.10", "1.1"},
      {"no fraction", "1.", "1"},
      {"minus zero", "-0", "0"},
      {"T and blank", "2026-01-02T03:04:05", "2026-01-02 03:04:05"},
      {"zone", "2026-01-02 03:04:05Z", "2026-01-02 03:04:05+00"},
      {"fraction of a second", "2026-01-02 03:04:05.000", "2026-01-02 03:04:05"},
  };
  for (const Case& test : cases) {
    EXPECT_FALSE(SaysTheSame(test.a, test.b, FormOf::kAny)) << test.name;
    EXPECT_FALSE(SaysTheSame(test.b, test.a, FormOf::kAny)) << test.name;
    EXPECT_TRUE(SaysTheSame(test.a, test.a, FormOf::kAny)) << test.name;
    EXPECT_FALSE(SaysTheSame(test.a, test.b, FormOf::kNothing)) << test.name;
  }
}

TEST(SameValue, ANumberIsTheTextThatADatabaseMakesOfIt) {
  for (const FormOf form : {FormOf::kAny, FormOf::kWidened}) {
    EXPECT_TRUE(SaysTheSame(std::int64_t{1067}, std::string("1067"), form));
    EXPECT_TRUE(SaysTheSame(12.5, std::string("12.50"), form));
    EXPECT_TRUE(SaysTheSame(0.5, std::string("0.50"), form));
    EXPECT_TRUE(SaysTheSame(std::string("-7"), std::int64_t{-7}, form));
    EXPECT_TRUE(SaysTheSame(std::int64_t{1}, 1.0, form));
    EXPECT_FALSE(SaysTheSame(std::int64_t{1067}, std::string("01067"), form));
    EXPECT_FALSE(SaysTheSame(std::int64_t{-7}, std::string("-07"), form));
    EXPECT_FALSE(SaysTheSame(std::string("+4930123"), std::int64_t{4930123}, form));
    EXPECT_FALSE(SaysTheSame(std::int64_t{1067}, std::string("x"), form));
  }
  EXPECT_FALSE(SaysTheSame(std::int64_t{1067}, std::string("1067"), FormOf::kNothing));
}

TEST(SameValue, AMomentOfAColumnThatBecameAnyIsOneMoment) {
  EXPECT_TRUE(SaysTheSame(std::string("2026-01-02 03:04:05.000000Z"), std::string("2026-01-02 03:04:05+00"),
                          FormOf::kWidened));
  EXPECT_FALSE(SaysTheSame(std::string("01067"), std::string("1067"), FormOf::kWidened));
}

}  // namespace
}  // namespace mirror::same_value_test
