#include "server/hub/plan/same_value.h"

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
    for (const Literal& b : same) EXPECT_TRUE(SaysTheSame(a, b));
  }
  EXPECT_TRUE(SaysTheSame(std::int64_t{1'200}, std::string("1200.00")));
  EXPECT_TRUE(SaysTheSame(std::int64_t{0}, std::string("-0.0")));
  EXPECT_TRUE(SaysTheSame(1e21, std::string("1000000000000000000000")));
  EXPECT_TRUE(SaysTheSame(std::string(".5"), 0.5));
}

TEST(SameValue, OtherNumbersAndTextsAreOthers) {
  EXPECT_FALSE(SaysTheSame(12.5, std::string("12.51")));
  EXPECT_FALSE(SaysTheSame(std::string("9007199254740993"), std::string("9007199254740992")));
  EXPECT_FALSE(SaysTheSame(std::int64_t{5}, std::int64_t{-5}));
  EXPECT_FALSE(SaysTheSame(std::string("1"), std::string("10")));
  EXPECT_FALSE(SaysTheSame(std::string("1.2.3"), std::string("1.2.30")));
  EXPECT_FALSE(SaysTheSame(std::string("0x10"), std::string("16")));
  EXPECT_FALSE(SaysTheSame(std::string(""), std::int64_t{0}));
  EXPECT_FALSE(SaysTheSame(Null{}, std::int64_t{0}));
  EXPECT_FALSE(SaysTheSame(std::string("1e"), std::string("1")));
  EXPECT_FALSE(SaysTheSame(std::string("1e99999999999"), std::string("1")));
  EXPECT_FALSE(SaysTheSame(std::string("infinity"), std::string("inf")));
}

TEST(SameValue, OneMomentHoweverItIsWritten) {
  const std::vector<std::string> same = {"2026-01-02T03:04:05Z",      "2026-01-02 03:04:05+00",
                                         "2026-01-02 03:04:05.000",   "2026-01-02T03:04:05.0+00:00",
                                         "2026-01-02 03:04:05.00-00", "2026-01-02 03:04:05"};
  for (const std::string& a : same) {
    for (const std::string& b : same) EXPECT_TRUE(SaysTheSame(a, b)) << a << " and " << b;
  }
  EXPECT_TRUE(SaysTheSame(std::string("2026-01-02 03:04"), std::string("2026-01-02T03:04:00")));
  EXPECT_TRUE(SaysTheSame(std::string("2026-01-02 03:04:05+02"), std::string("2026-01-02T03:04:05+0200")));
}

TEST(SameValue, OtherMomentsAreOthers) {
  const std::string moment = "2026-01-02T03:04:05Z";
  for (const char* other :
       {"2026-01-02T03:04:06Z", "2026-01-02T03:04:05.001Z", "2026-01-02T03:04:05+01", "2026-01-03T03:04:05Z",
        "2026-01-02", "2026-01-02T03:04:05Zulu", "2026-01-02T03:04:05 "}) {
    EXPECT_FALSE(SaysTheSame(moment, std::string(other))) << other;
  }
}

}  // namespace
}  // namespace mirror::same_value_test
