#include "server/journal/row_states.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mirror::row_states_test {
namespace {

TEST(RowStatesTest, AVersionStandsFromItsMomentUntilAnotherEndsIt) {
  EXPECT_TRUE(StoodAt(3, 5, 3));
  EXPECT_TRUE(StoodAt(3, 5, 4));
  EXPECT_FALSE(StoodAt(3, 5, 5));
  EXPECT_FALSE(StoodAt(3, 5, 2));
  EXPECT_TRUE(StoodAt(0, 0, 1));
}

TEST(RowStatesTest, ValuesAreTheSameByKindAndValue) {
  const Value one{.kind = Kind::kInteger, .integer = 1}, one_real{.kind = Kind::kReal, .real = 1.0};
  EXPECT_TRUE(SameValue(one, one));
  EXPECT_FALSE(SameValue(one, one_real));
  EXPECT_FALSE(SameValue({.kind = Kind::kText, .bytes = "a"}, {.kind = Kind::kBlob, .bytes = "a"}));
  const Value nan{.kind = Kind::kReal, .real = std::nan("")};
  EXPECT_TRUE(SameValue(nan, nan));
  EXPECT_TRUE(SameValue({}, {}));
}

TEST(RowStatesTest, ADigestIsSixteenDigits) {
  EXPECT_EQ(StateDigest({.rows = 2, .sum = 0xAB}), "00000000000000ab");
}

}  // namespace
}  // namespace mirror::row_states_test
