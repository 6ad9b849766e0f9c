#include "base/text/nearest_word.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mirror::nearest_word_test {
namespace {

TEST(NearestWordTest, ATypingErrorFindsItsWordAndAnotherWordNone) {
  const std::vector<std::string> words = {"once", "run", "status", "tables", "tenants", "events"};
  EXPECT_EQ(NearestWord("onec", words), "once");
  EXPECT_EQ(NearestWord("tabels", words), "tables");
  EXPECT_EQ(NearestWord("tenant", words), "tenants");
  EXPECT_EQ(NearestWord("statsu", words), "status");
  EXPECT_EQ(NearestWord("rn", words), "") << "half of it is wrong";
  EXPECT_EQ(NearestWord("rum", words), "run");
  EXPECT_EQ(NearestWord("verify", words), "");
  EXPECT_EQ(NearestWord("", words), "");
  EXPECT_EQ(NearestWord(std::string(100'000, 'x'), words), "");
}

}  // namespace
}  // namespace mirror::nearest_word_test
