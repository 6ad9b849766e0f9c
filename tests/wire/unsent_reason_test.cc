// Why a table was not sent: the words that a mirror shows are the program's own.

#include "proto/wire/refusal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "mirror/v1/completion.pb.h"

namespace mirror::unsent_reason_test {
namespace {

TEST(UnsentReasonTest, TheNumbersAreThoseOfTheWire) {
  EXPECT_EQ(v1::UnsentReason_descriptor()->value_count(), kUnsentReasonLast + 1);
  for (int number = 0; number <= kUnsentReasonLast; ++number) {
    EXPECT_TRUE(v1::UnsentReason_IsValid(number)) << number;
    EXPECT_EQ(static_cast<int>(UnsentReasonOf(number)), number);
  }
  EXPECT_EQ(UnsentReasonOf(v1::UNSENT_REASON_TWIN), UnsentReason::kTwin);
  EXPECT_EQ(UnsentReasonOf(v1::UNSENT_REASON_AGAIN), UnsentReason::kAgain);
  EXPECT_EQ(UnsentReasonOf(v1::UNSENT_REASON_NO_LOG), UnsentReason::kNoLog);
  // A newer source may send a reason that this program does not know.
  EXPECT_EQ(UnsentReasonOf(kUnsentReasonLast + 1), UnsentReason::kUnknown);
  EXPECT_EQ(UnsentReasonOf(-1), UnsentReason::kUnknown);
}

TEST(UnsentReasonTest, EachHasWordsOfItsOwnWithoutAnyPlaceForAValue) {
  std::set<std::string> codes, sentences;
  for (int number = 0; number <= kUnsentReasonLast; ++number) {
    const UnsentReason reason = UnsentReasonOf(number);
    const std::string code(ToString(reason)), words(UnsentWords(reason));
    EXPECT_TRUE(codes.insert(code).second) << code;
    EXPECT_TRUE(sentences.insert(words).second) << words;
    EXPECT_EQ(ParseUnsentReason(code), reason);
    // No number, no quote and no mark that a value could stand in for.
    EXPECT_TRUE(std::all_of(words.begin(), words.end(), [](char character) {
      return (character >= 'a' && character <= 'z') || character == ' ' || character == ',' ||
             character == ':';
    })) << words;
  }
  EXPECT_EQ(ParseUnsentReason(""), std::nullopt);
}

}  // namespace
}  // namespace mirror::unsent_reason_test
