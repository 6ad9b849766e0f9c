#include "base/utf8.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <iterator>
#include <string>

namespace mirror::utf8_test {
namespace {

using namespace std::string_literals;

// The obvious way: decodes one character after the other.
std::optional<Utf8Count> CountPlainly(const std::string& text) {
  Utf8Count count;
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    const unsigned first = byte(i);
    std::size_t length = 1;
    std::uint32_t point = first;
    if (first >= 0xF0) {
      length = 4;
      point = first & 0x07U;
    } else if (first >= 0xE0) {
      length = 3;
      point = first & 0x0FU;
    } else if (first >= 0xC0) {
      length = 2;
      point = first & 0x1FU;
    } else if (first >= 0x80) {
      return std::nullopt;
    }
    if (first >= 0xF8 || i + length > text.size()) return std::nullopt;
    for (std::size_t k = 1; k < length; ++k) {
      if ((byte(i + k) & 0xC0U) != 0x80U) return std::nullopt;
      point = point << 6 | (byte(i + k) & 0x3FU);
    }
    constexpr std::uint32_t kLeast[] = {0, 1, 0x80, 0x800, 0x10000};
    if (point < kLeast[length] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
      return std::nullopt;
    count.characters += 1;
    count.utf16_units += point > 0xFFFF ? 2 : 1;
    i += length;
  }
  return count;
}

void ExpectSame(const std::string& text) {
  const auto wanted = CountPlainly(text);
  const auto count = CountUtf8(text);
  ASSERT_EQ(count.has_value(), wanted.has_value()) << testing::PrintToString(text);
  if (!wanted) return;
  EXPECT_EQ(count->characters, wanted->characters) << text;
  EXPECT_EQ(count->utf16_units, wanted->utf16_units) << text;
}

TEST(CountUtf8Test, CountsCharactersAndUtf16Units) {
  const auto count = CountUtf8("blå 山 \U0001F600");
  ASSERT_TRUE(count);
  EXPECT_EQ(count->characters, 7U);
  EXPECT_EQ(count->utf16_units, 8U);
}

TEST(CountUtf8Test, AgreesWithPlainDecodingOnEveryFourBytesThatMatter) {
  const std::string edges =
      "\x00\x01\x7F\x80\x8F\x90\x9F\xA0\xBF\xC0\xC1\xC2\xDF\xE0\xE1\xEC\xED\xEE\xEF\xF0\xF1\xF3\xF4\xF5\xFF"s;
  for (const char a : edges) {
    for (const char b : edges) {
      for (const char c : edges) {
        for (const char d : edges) {
          const std::string text = {a, b, c, d};
          ExpectSame(text);
          if (testing::Test::HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST(CountUtf8Test, AgreesWithPlainDecodingWhereverACharacterStands) {
  for (const std::string& piece :
       {"\xC3\xA5"s, "\xE5\xB1\xB1"s, "\xF0\x9F\x98\x80"s, "\x00"s, "\x80"s, "\xC3"s}) {
    for (std::size_t length = 0; length < 40; ++length) {
      for (std::size_t place = 0; place <= length; ++place) {
        std::string text(length, 'x');
        text.insert(place, piece);
        ExpectSame(text);
        ExpectSame(text + piece);
        EXPECT_FALSE(IsAscii(text));
      }
      EXPECT_TRUE(IsAscii(std::string(length, '\x7F')));
      EXPECT_TRUE(IsAscii(std::string(length, '\x01')));
    }
  }
}

TEST(CutUtf8Test, EndsWithACharacter) {
  const std::string text = "a\xC3\xA5\xF0\x9F\x98\x80";
  const std::size_t ends[] = {0, 1, 1, 3, 3, 3, 3, 7, 7};
  for (std::size_t bytes = 0; bytes < std::size(ends); ++bytes) {
    EXPECT_EQ(CutUtf8(text, bytes), text.substr(0, ends[bytes])) << bytes;
  }
}

TEST(ValidUtf8Test, EachByteOfNoCharacterIsReplaced) {
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(ValidUtf8(""), "");
  EXPECT_EQ(ValidUtf8("M\xC3\xBCller"), "M\xC3\xBCller");
  EXPECT_EQ(ValidUtf8("M\xFCller"), "M" + bad + "ller");
  EXPECT_EQ(ValidUtf8("cut \xE5\xB1"), "cut " + bad + bad);
  EXPECT_EQ(ValidUtf8("\x00"s), bad);
  EXPECT_EQ(ValidUtf8("\xED\xA0\x80\xF0\x9F\x98\x80"), bad + bad + bad + "\xF0\x9F\x98\x80");
  EXPECT_EQ(ValidUtf8("\xC3"
                      "ü\xff"),
            bad + "ü" + bad);
  EXPECT_EQ(ValidUtf8("\xF0\x9F"), bad + bad);
}

}  // namespace
}  // namespace mirror::utf8_test
