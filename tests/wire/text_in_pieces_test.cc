#include "proto/wire/text_in_pieces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "proto/wire/value_rules.h"
#include "tests/wire/batches.h"

namespace mirror::text_in_pieces_test {
namespace {

using namespace std::string_literals;

/// With each place where a first piece may end, and a second one two bytes later.
std::vector<TextInPieces> EachWay(const Column& column, std::string_view text) {
  std::vector<TextInPieces> ways;
  for (std::size_t at = 0; at <= text.size(); ++at) {
    TextInPieces& pieces = ways.emplace_back(column);
    pieces.Add(text.substr(0, at));
    pieces.Add(text.substr(at, 2));
    if (text.size() > at + 2) pieces.Add(text.substr(at + 2));
  }
  return ways;
}

class TextInPiecesTest : public testing::TestWithParam<std::string> {};

TEST_P(TextInPiecesTest, IsWhatItIsAsAWhole) {
  const std::string& text = GetParam();
  std::vector<Column> columns = {MakeColumn("value", Type::kText), WithLength(Type::kText, 4)};
  for (const Affinity affinity : {Affinity::kBlob, Affinity::kNumeric}) {
    columns.push_back(MakeColumn("value", Type::kAny));
    columns.back().affinity = affinity;
  }
  for (const Column& column : columns) {
    for (const TextInPieces& pieces : EachWay(column, text)) {
      EXPECT_EQ(pieces.IsHeld(), HoldsText(column, text));
      EXPECT_EQ(pieces.IsStoredAsNumber(), IsStoredAsNumber(column, text));
      EXPECT_EQ(pieces.IsHeld() ? "" : pieces.WhyNot(), pieces.IsHeld() ? "" : WhyNotText(column, text));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Texts, TextInPiecesTest,
                         testing::Values(""s, "abcd"s, "abcde"s, "aöb"s, "€€€€"s, "😀😀"s, "😀😀a"s, "😀\x80"s,
                                         "\xF0\x9F\x98"s, "\xE2\x82x"s, "\x80\x80\x80\x80\x80"s, "\xC0\x80"s,
                                         "\xED\xA0\x80"s, "\xF5\x80\x80\x80"s, "a\0b"s, "\xFF\xFE"s, " \t1 "s,
                                         "007"s, "-0.50e+10"s, ".5"s, "5."s, "."s, "1 2"s, "1e"s, "1e5x"s,
                                         "+-1"s, " - 1"s, "1.2.3"s, "--------------"s,
                                         "                    12345678901234567890"s,
                                         "1e1e1e1e1e1e1e1e1e1"s));

TEST(WholePiecesTest, NoneEndsInsideOfACharacter) {
  const Column column = MakeColumn("value", Type::kText);
  const auto has_whole = [&](const std::vector<std::string>& pieces) {
    TextInPieces text(column);
    for (const std::string& piece : pieces) text.Add(piece);
    return text.HasWholePieces();
  };
  EXPECT_TRUE(has_whole({}));
  EXPECT_TRUE(has_whole({"plain", "", "ö", "😀"}));
  EXPECT_FALSE(has_whole({"a\xC3",
                          "\xB6"
                          "b"}));
  EXPECT_FALSE(has_whole({"\xF0", "\x9F", "\x98\x80"})) << "one that takes three";
  EXPECT_FALSE(has_whole({"ö\xC3"})) << "and one that never ends";
}

TEST(LongTextInPiecesTest, ANumberMayBeAsLongAsItLikes) {
  Column column = MakeColumn("value", Type::kAny);
  column.affinity = Affinity::kReal;
  TextInPieces digits(column);
  for (int i = 0; i < 1'000; ++i) digits.Add("0123456789");
  EXPECT_TRUE(digits.IsStoredAsNumber());
  digits.Add("x");
  EXPECT_FALSE(digits.IsStoredAsNumber());
}

}  // namespace
}  // namespace mirror::text_in_pieces_test
