#include "server/http/page_values.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace mirror {
namespace {

std::string Text(std::size_t bytes) { return "\"" + std::string(bytes - 2, 'x') + "\""; }

TEST(PageValuesTest, AsManyAsWereAskedForAreTakenAndTheNextPageBeginsBehindTheLast) {
  PageValues none(2);
  EXPECT_EQ(none.next(), std::nullopt);
  EXPECT_EQ(none.Take(), "[]");
  PageValues values(2);
  EXPECT_TRUE(values.Add("1", "a"));
  EXPECT_TRUE(values.Add("2", "b"));
  EXPECT_EQ(values.next(), std::nullopt) << "there may be no more of them";
  EXPECT_FALSE(values.Add("3", "c"));
  EXPECT_FALSE(values.Add("4", "d"));
  EXPECT_EQ(values.next(), "b");
  EXPECT_EQ(values.count(), 2U);
  EXPECT_EQ(values.Take(), "[1,2]");
}

TEST(PageValuesTest, TheBytesOfAllAreBounded) {
  PageValues values(1'000);
  const std::size_t half = (kValuesBytesMax - 3) / 2;
  EXPECT_TRUE(values.Add(Text(half), "a"));
  EXPECT_TRUE(values.Add(Text(kValuesBytesMax - 3 - half), "b"));
  EXPECT_FALSE(values.Add("1", "c"));
  EXPECT_EQ(values.next(), "b");
  EXPECT_EQ(values.Take().size(), kValuesBytesMax);

  PageValues larger(1'000);
  EXPECT_TRUE(larger.Add(Text(half), "a"));
  EXPECT_FALSE(larger.Add(Text(kValuesBytesMax - 2 - half), "b"));
  EXPECT_FALSE(larger.Add("1", "c")) << "behind one that was left out none is taken";
  EXPECT_EQ(larger.next(), "a");
}

TEST(PageValuesTest, OneThatIsLargerThanAllMayBeComesAlone) {
  PageValues values(1'000);
  EXPECT_TRUE(values.Add(Text(kValuesBytesMax + 1), "a"));
  EXPECT_FALSE(values.Add("1", "b"));
  EXPECT_EQ(values.next(), "a");
  EXPECT_EQ(values.count(), 1U);
}

}  // namespace
}  // namespace mirror
