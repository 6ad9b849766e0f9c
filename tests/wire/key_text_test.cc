#include "proto/wire/key_text.h"

#include <gtest/gtest.h>

#include <string>

namespace mirror::key_text_test {
namespace {

KeyPart Integer(std::int64_t value) { return {.kind = Kind::kInteger, .integer = value}; }
KeyPart Text(const std::string& value) { return {.kind = Kind::kText, .bytes = value}; }
KeyPart Blob(const std::string& value) { return {.kind = Kind::kBlob, .bytes = value}; }

TEST(KeyTextTest, ReadsAsSqlHasIt) {
  EXPECT_EQ(KeyText({Integer(-17)}), "-17");
  EXPECT_EQ(KeyText({Text("O'Neill"), Integer(3)}), "'O''Neill', 3");
  EXPECT_EQ(KeyText({{.kind = Kind::kReal, .real = 0.1}}), "0.1");
  EXPECT_EQ(KeyText({Blob(std::string("\x00\xff", 2))}), "x'00ff'");
  EXPECT_EQ(KeyText({}), "");
}

TEST(KeyTextTest, IsBoundedAndCannotSpeakToATerminal) {
  EXPECT_EQ(KeyText({Text("a\x1b[2J\nb")}), "'a\\x1b[2J\\nb'");
  EXPECT_EQ(KeyText({Text(std::string(1'000'000, 'x'))}), "'" + std::string(kKeyPartShown, 'x') + "…'");
  // Not within a character.
  EXPECT_EQ(KeyText({Text(std::string(kKeyPartShown - 1, 'x') + "öö")}),
            "'" + std::string(kKeyPartShown - 1, 'x') + "…'");
  EXPECT_EQ(KeyText({Blob(std::string(1'000, '\x01'))}).size(), kKeyPartShown + std::string("x'…'").size());
}

}  // namespace
}  // namespace mirror::key_text_test
