#include "proto/wire/exchange/match_key.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "proto/wire/exchange/match_key.h"
#include "tests/support/rows.h"

namespace mirror::caseless_text_test {
namespace {

std::string Fold(const std::string& text) { return NormaliseValue(Normalise::kFold, text); }
std::string Alnum(const std::string& text) { return NormaliseValue(Normalise::kAlnum, text); }

struct Case {
  std::string name, text, fold, alnum;
};

class CaselessTextTest : public testing::TestWithParam<Case> {};

TEST_P(CaselessTextTest, IsWhatTheTableSays) {
  EXPECT_EQ(Fold(GetParam().text), GetParam().fold);
  EXPECT_EQ(Alnum(GetParam().text), GetParam().alnum);
}

INSTANTIATE_TEST_SUITE_P(
    Unicode, CaselessTextTest,
    testing::Values(Case{"Ascii", "  NO 123-456\t", "no 123-456", "no123456"},
                    Case{"Nfc", "Caf\u00e9 Z\u00fcrich", "caf\u00e9 z\u00fcrich", "caf\u00e9z\u00fcrich"},
                    Case{"Nfd", "Cafe\u0301 Zu\u0308rich", "caf\u00e9 z\u00fcrich", "caf\u00e9z\u00fcrich"},
                    Case{"UpperNfc", "\u00c5\u00c4\u00d6-1", "\u00e5\u00e4\u00f6-1", "\u00e5\u00e4\u00f61"},
                    Case{"UpperNfd", "A\u030aA\u0308O\u0308-1", "\u00e5\u00e4\u00f6-1",
                         "\u00e5\u00e4\u00f61"},
                    Case{"NoMark", "Moller-7", "moller-7", "moller7"},
                    Case{"MarkNfd", "Mo\u0308ller-7", "m\u00f6ller-7", "m\u00f6ller7"},
                    Case{"SharpS", "Stra\u00dfe", "strasse", "strasse"},
                    Case{"SharpSUpper", "STRASSE", "strasse", "strasse"},
                    Case{"CapitalSharpS", "STRA\u1e9eE", "strasse", "strasse"},
                    Case{"Sigma", "\u03a3\u03c2\u03c3", "\u03c3\u03c3\u03c3", "\u03c3\u03c3\u03c3"},
                    Case{"Ligature", "\ufb01n", "fin", "fin"}, Case{"Angstrom", "\u212b", "\u00e5", "\u00e5"},
                    Case{"Kelvin", "\u212a1", "k1", "k1"},
                    // By Unicode's folding for all languages: a dotted capital I is an i with a dot above.
                    Case{"DottedI", "\u0130Z", "i\u0307z", "i\u0307z"},
                    Case{"DottedINfd", "I\u0307Z", "i\u0307z", "i\u0307z"},
                    Case{"DotlessI", "\u0131z", "\u0131z", "\u0131z"},
                    Case{"MarksInOrder", "e\u0328\u0301", "\u0119\u0301", "\u0119\u0301"},
                    Case{"MarksInOtherOrder", "e\u0301\u0328", "\u0119\u0301", "\u0119\u0301"},
                    Case{"IotaBelowNfc", "\u1f82", "\u1f02\u03b9", "\u1f02\u03b9"},
                    Case{"IotaBelowFirst", "\u03b1\u0345\u0313\u0300", "\u1f02\u03b9", "\u1f02\u03b9"},
                    Case{"MarkOfADash", "a-\u0308b", "a-\u0308b", "ab"},
                    Case{"MarkAlone", "\u0308a", "\u0308a", "a"},
                    Case{"Hangul", "\ud55c", "\ud55c", "\ud55c"},
                    Case{"HangulNfd", "\u1112\u1161\u11ab", "\ud55c", "\ud55c"},
                    Case{"VowelSign", "\u0928\u093f-1", "\u0928\u093f-1", "\u0928\u093f1"},
                    Case{"Cyrillic", "\u0419\u043e", "\u0439\u043e", "\u0439\u043e"},
                    Case{"CyrillicNfd", "\u0418\u0306\u043e", "\u0439\u043e", "\u0439\u043e"},
                    Case{"Vietnamese", "Vi\u1ec6t", "vi\u1ec7t", "vi\u1ec7t"},
                    Case{"VietnameseNfd", "VIE\u0323\u0302T", "vi\u1ec7t", "vi\u1ec7t"},
                    Case{"DigitsOfOthers", "\u0663-\u00b2", "\u0663-\u00b2", "\u0663\u00b2"},
                    Case{"WideDigit", "\uff11", "\uff11", "\uff11"},
                    Case{"Blanks", "\u00a0\u2003\u3000x y\u202f\u0085", "x y", "xy"},
                    Case{"BlanksAlone", "\u00a0 \t", "", ""},
                    Case{"SoftHyphen", "Z\u00fc\u00adrich", "z\u00fcrich", "z\u00fcrich"},
                    Case{"ByteOrderMark", "\ufeff17", "17", "17"}, Case{"NothingSeen", "\u200b", "", ""},
                    Case{"Variation", "1\ufe0f", "1", "1"},
                    Case{"Beyond16Bits", "\U00010400", "\U00010428", "\U00010428"},
                    Case{"Symbols", "+\u20ac\U0001f600", "+\u20ac\U0001f600", ""}, Case{"Empty", "", "", ""},
                    Case{"NoUtf8", "a\xff", "", ""}, Case{"Surrogate", "\xed\xa0\x80", "", ""}),
    [](const auto& test) { return test.param.name; });

struct Piece {
  std::string composed, apart;
};

const std::vector<Piece>& Pieces() {
  static const std::vector<Piece> pieces = {{"a", "a"},
                                            {"7", "7"},
                                            {"-", "-"},
                                            {" ", " "},
                                            {"\u00e9", "e\u0301"},
                                            {"\u00c5", "A\u030a"},
                                            {"\u00df", "\u00df"},
                                            {"\u0130", "I\u0307"},
                                            {"\u1ec7", "e\u0302\u0323"},
                                            {"\u0439", "\u0438\u0306"},
                                            {"\ud55c", "\u1112\u1161\u11ab"},
                                            {"\u1f82", "\u03b1\u0345\u0313\u0300"},
                                            {"\u00ad", ""},
                                            {"\u03c2", "\u03a3"},
                                            {"\U00010400", "\U00010428"}};
  return pieces;
}

TEST(CaselessText, IsTheSameHoweverARandomTextIsComposed) {
  std::mt19937_64 dice(TestSeed());
  for (int round = 0; round < 2'000; ++round) {
    std::string composed, apart;
    for (std::uint64_t left = dice() % 8; left > 0; --left) {
      // Marks that two pieces bring could change their order: each piece stands alone.
      const Piece& piece = Pieces()[dice() % Pieces().size()];
      composed += piece.composed;
      apart += piece.apart;
    }
    ASSERT_EQ(Fold(composed), Fold(apart)) << composed;
    ASSERT_EQ(Alnum(composed), Alnum(apart)) << composed;
  }
}

TEST(CaselessText, OfAFormIsThatForm) {
  std::mt19937_64 dice(TestSeed());
  for (int round = 0; round < 2'000; ++round) {
    std::string text;
    for (std::uint64_t left = dice() % 12; left > 0; --left) {
      const Piece& piece = Pieces()[dice() % Pieces().size()];
      text += dice() % 4 == 0 ? std::string(1, static_cast<char>(dice())) : piece.apart;
    }
    for (const Normalise how : {Normalise::kFold, Normalise::kAlnum}) {
      const std::string once = NormaliseValue(how, text);
      ASSERT_EQ(NormaliseValue(how, once), once);
      ASSERT_EQ(once.empty() || CountUtf8(once).has_value(), true);
    }
  }
}

TEST(CaselessText, TextsOfAsciiHaveTheFormThatOthersHave) {
  for (int byte = 1; byte < 128; ++byte) {
    const std::string first(1, static_cast<char>(byte));
    for (const std::string& text : {first + "x", "x" + first + "y", first + first + "\nz"}) {
      // A letter beyond ASCII behind it, so that Unicode's tables are asked.
      EXPECT_EQ(Fold(text + "\u00e9"), Fold(text) + "\u00e9") << byte;
      EXPECT_EQ(Alnum(text + "\u00e9"), Alnum(text) + "\u00e9") << byte;
    }
    EXPECT_EQ(Fold("\u00e9" + first), "\u00e9" + Fold(first)) << byte;
  }
}

}  // namespace
}  // namespace mirror::caseless_text_test
