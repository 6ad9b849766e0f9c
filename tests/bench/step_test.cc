#include "tools/benchmarks/step.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/status_matchers.h"

namespace mirror::bench::step_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::int64_t> Keys(const char* line) { return KeysOf(ReadStep(line).value()); }

TEST(StepTest, ALineSaysEverythingAndWhatItDoesNotKnowIsNamed) {
  const auto step = ReadStep("update from=3 count=100 pick=10 order=random sorted=1 version=2 group=7");
  ASSERT_TRUE(step.ok()) << step.status();
  EXPECT_EQ(step->verb, Verb::kUpdate);
  EXPECT_EQ(step->from, 3);
  EXPECT_EQ(step->count, 100U);
  EXPECT_EQ(step->pick, 10U);
  EXPECT_EQ(step->order, Order::kRandom);
  EXPECT_TRUE(step->sorted);
  EXPECT_EQ(step->version, 2U);
  EXPECT_EQ(step->group, 7U);
  for (const char* wrong : {"", "frob", "insert count", "insert count=x", "insert count=-1", "insert group=0",
                            "insert order=up", "insert more=1", "insert count=5 pick=6"}) {
    EXPECT_FALSE(ReadStep(wrong).ok()) << wrong;
  }
  EXPECT_THAT(std::string(ReadStep("insert more=1").status().message()), HasSubstr("'more=1'"));
}

TEST(StepTest, WhatReadsAStoreIsToldFromWhatWrites) {
  for (const char* reading : {"scan", "as-of", "explain from=2 count=10 pick=5"}) {
    EXPECT_TRUE(ReadsStore(ReadStep(reading).value().verb)) << reading;
  }
  for (const char* other : {"populate", "insert", "upsert", "update", "delete", "push", "digest", "sync"}) {
    EXPECT_FALSE(ReadsStore(ReadStep(other).value().verb)) << other;
  }
}

TEST(StepTest, EvenKeysAreThoseThatPickedOnesLeaveOut) {
  EXPECT_THAT(Keys("explain from=2 count=6 pick=3"), ElementsAre(2, 4, 6));
  EXPECT_THAT(Keys("delete count=8 pick=4 group=2 order=spread"), ElementsAre(1, 5, 3, 7));
}

TEST(StepTest, AscendingKeysAreAllOrEvenlyPicked) {
  EXPECT_THAT(Keys("insert from=5 count=3"), ElementsAre(5, 6, 7));
  EXPECT_THAT(Keys("update count=9 pick=3"), ElementsAre(1, 4, 7));
  EXPECT_THAT(Keys("populate count=0"), ElementsAre());
}

TEST(StepTest, EachGroupOfSpreadKeysAscendsOverTheWholeTable) {
  EXPECT_THAT(Keys("update count=6 group=3 order=spread"), ElementsAre(1, 3, 5, 2, 4, 6));
}

TEST(StepTest, RandomKeysAreDistinctInsideOfTheRangeAndTheSameEachTime) {
  std::vector<std::int64_t> keys = Keys("update from=11 count=1000 pick=500 order=random version=1");
  EXPECT_EQ(keys, Keys("update from=11 count=1000 pick=500 order=random version=1"));
  EXPECT_NE(keys, Keys("update from=11 count=1000 pick=500 order=random version=2"));
  EXPECT_FALSE(std::is_sorted(keys.begin(), keys.end()));
  std::sort(keys.begin(), keys.end());
  EXPECT_EQ(std::unique(keys.begin(), keys.end()), keys.end());
  EXPECT_EQ(keys.size(), 500U);
  EXPECT_GE(keys.front(), 11);
  EXPECT_LE(keys.back(), 1010);
}

}  // namespace
}  // namespace mirror::bench::step_test
