#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "proto/wire/exchange/ledger.h"
#include "proto/wire/exchange/match_key.h"
#include "proto/wire/exchange/value_json.h"
#include "tests/support/status_matchers.h"

namespace mirror::exchange_values_test {
namespace {

TEST(NormaliseValue, FoldLeavesOutCaseAndBlanksAtTheEnds) {
  EXPECT_EQ(NormaliseValue(Normalise::kFold, std::string("  Ada Lovelace ")), "ada lovelace");
  EXPECT_EQ(NormaliseValue(Normalise::kFold, std::string("ÄRZTE ÉÈ Ω")), "ärzte éè ω");
  EXPECT_EQ(NormaliseValue(Normalise::kFold, std::string(" \t ")), "");
}

TEST(NormaliseValue, AlnumLeavesLettersAndDigitsAlone) {
  EXPECT_EQ(NormaliseValue(Normalise::kAlnum, std::string("NO 123-456/ä")), "no123456ä");
  EXPECT_EQ(NormaliseValue(Normalise::kAlnum, std::int64_t{-17}), "17");
}

TEST(NormaliseValue, WithoutAFormATextIsItself) {
  EXPECT_EQ(NormaliseValue(Normalise::kNone, std::string(" A ")), " A ");
  EXPECT_EQ(NormaliseValue(Normalise::kNone, std::int64_t{17}), "17");
  EXPECT_EQ(NormaliseValue(Normalise::kNone, Bytes{std::string("\x00\xff", 2)}), "00ff");
}

TEST(NormaliseValue, NumbersAreWholeAndTheSameInEachType) {
  EXPECT_EQ(NormaliseValue(Normalise::kNone, 923'609'016.0), "923609016");
  EXPECT_EQ(NormaliseValue(Normalise::kNone, 923'609'412.0), "923609412");
  EXPECT_EQ(NormaliseValue(Normalise::kNone, 1'000'000.0),
            NormaliseValue(Normalise::kNone, std::int64_t{1'000'000}));
  EXPECT_EQ(NormaliseValue(Normalise::kNone, -0.0), "0");
  EXPECT_EQ(NormaliseValue(Normalise::kNone, 1'000'001.5), "1000001.5");
  EXPECT_EQ(NormaliseValue(Normalise::kNone, 1e300), "1e+300");
}

TEST(NormaliseValue, NullAndWhatIsNotUtf8MatchNothing) {
  EXPECT_EQ(NormaliseValue(Normalise::kFold, Null{}), "");
  EXPECT_EQ(NormaliseValue(Normalise::kFold, std::string("\xc3")), "");
}

TEST(ValueJson, GivesTheVerySameValueAgain) {
  const std::vector<Literal> values = {Null{},
                                       std::int64_t{0},
                                       std::numeric_limits<std::int64_t>::min(),
                                       0.5,
                                       1e300,
                                       0.1,
                                       3.0,
                                       std::string("a\"b\n\u00e4"),
                                       std::string(""),
                                       std::string("\xff"),
                                       Bytes{std::string("\x00\xff", 2)},
                                       std::numeric_limits<double>::infinity()};
  for (const Literal& value : values) {
    const std::string json = ValueJson(value);
    const absl::StatusOr<JsonDocument> document = JsonDocument::Parse(json);
    ASSERT_THAT(document, IsOk()) << json;
    const absl::StatusOr<Literal> again = ValueOf(document->root());
    ASSERT_THAT(again, IsOk()) << json;
    EXPECT_TRUE(*again == value) << json;
  }
}

TEST(KeyJson, NamesARow) {
  EXPECT_EQ(KeyJson(std::vector<Literal>{std::int64_t{17}}), "[17]");
  EXPECT_EQ(KeyJson(std::vector<Literal>{std::string("NO"), std::int64_t{3}}), "[\"NO\",3]");
  const absl::StatusOr<std::vector<Literal>> key = KeyOfJson("[\"NO\",3]");
  ASSERT_THAT(key, IsOk());
  EXPECT_EQ(KeyJson(*key), "[\"NO\",3]");
  EXPECT_THAT(KeyOfJson("{}"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(KeyOfJson("[true]"), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(WroteJson, TellsWishAndResult) {
  const Wrote wrote = {{"city", {1'714'000'000'000, std::string("Bern"), std::string("BERN")}},
                       {"rev", {std::nullopt, std::nullopt, std::int64_t{17}}}};
  EXPECT_EQ(WroteJson(wrote), R"({"city":[1714000000000,"Bern","BERN"],"rev":[17]})");
  const absl::StatusOr<Wrote> again = WroteOf(WroteJson(wrote));
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(*again, wrote);
  EXPECT_THAT(WroteOf("{\"city\":[1,2]}"), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace mirror::exchange_values_test
