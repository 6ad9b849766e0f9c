#include "server/jobs/valid_utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace mirror::valid_utf8_test {
namespace {

using namespace std::string_literals;

TEST(ValidUtf8Test, EachByteOfNoCharacterIsReplaced) {
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(ValidUtf8(""), "");
  EXPECT_EQ(ValidUtf8("M\xC3\xBCller"), "M\xC3\xBCller");
  EXPECT_EQ(ValidUtf8("M\xFCller"), "M" + bad + "ller");
  EXPECT_EQ(ValidUtf8("cut \xE5\xB1"), "cut " + bad + bad);
  EXPECT_EQ(ValidUtf8("\x00"s), bad);
  EXPECT_EQ(ValidUtf8("\xED\xA0\x80\xF0\x9F\x98\x80"), bad + bad + bad + "\xF0\x9F\x98\x80");
}

}  // namespace
}  // namespace mirror::valid_utf8_test
