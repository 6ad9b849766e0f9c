#include "server/http/http_call.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/utf8.h"
#include "tests/support/status_matchers.h"

namespace mirror::http_call_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string Told(const Warnings& warnings) {
  JsonWriter json;
  json.Begin('{');
  warnings.WriteTo(&json);
  return json.End('}').Take();
}

TEST(WarningsTest, WhatIsNotKnownIsNamed) {
  const auto document = JsonDocument::Parse(R"({"name":1,"nmae":2,"featuresOn":["A","B","A"]})");
  ASSERT_THAT(document, IsOk());
  Warnings warnings;
  warnings.AddUnknown(document->root(), {"name", "featuresOn"});
  EXPECT_THAT(FeaturesOf(document->root(), {"A"}, &warnings), IsOkAndHolds(ElementsAre("A")));
  EXPECT_EQ(Told(warnings), R"({"warnings":["member 'nmae' is not known, and was ignored",)"
                            R"("feature 'B' is not known, and was ignored"]})");
  EXPECT_EQ(Told(Warnings()), "{}");
}

TEST(WarningsTest, NamesAreCutBehindACharacter) {
  for (const std::size_t before : {61, 62, 63, 64}) {
    Warnings warnings;
    warnings.AddMember(std::string(before, 'x') + "äöü");
    warnings.AddFeature(std::string(before, 'x') + "€€€");
    EXPECT_TRUE(IsText(Told(warnings))) << before;
  }
  Warnings broken;
  broken.AddFeature("\xff\xfe");
  EXPECT_TRUE(IsText(Told(broken)));
}

TEST(WarningsTest, AFeatureThatIsKnownUpToItsCutIsNotIt) {
  const std::string known(64, 'F');
  const auto document = JsonDocument::Parse(R"({"featuresOn":[")" + known + R"(G"]})");
  ASSERT_THAT(document, IsOk());
  Warnings warnings;
  EXPECT_THAT(FeaturesOf(document->root(), {known}, &warnings), IsOkAndHolds(ElementsAre()));
}

TEST(WarningsTest, SoManyAreToldAndTheOthersCounted) {
  Warnings warnings;
  for (std::size_t i = 0; i < kWarningsMax; ++i) warnings.AddFeature("a");
  EXPECT_THAT(Told(warnings), Not(HasSubstr("more")));
  for (int i = 0; i < 1'000'000; ++i) warnings.AddFeature("a");
  const std::string told = Told(warnings);
  EXPECT_THAT(told, HasSubstr("\"and 1000000 more\""));
  EXPECT_LT(told.size(), 4'096U);
}

}  // namespace
}  // namespace mirror::http_call_test
