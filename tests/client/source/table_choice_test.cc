// Which tables of a database the configuration asks for.

#include "client/source/table_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mirror::table_choice_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::vector<std::string> kAll = {"customer", "invoice", "salaries", "tmp_a"};

TEST(TableChoiceTest, AllAreChosenUnlessSomethingElseIsSaid) {
  const ChosenTables chosen = ChooseTables({}, kAll);
  EXPECT_EQ(chosen.names, kAll);
  EXPECT_THAT(chosen.blocked, IsEmpty());
  EXPECT_THAT(chosen.idle_patterns, IsEmpty());
}

TEST(TableChoiceTest, BlockedCountsBeforeIncludeAndSkipAndHasItsReason) {
  const ChosenTables chosen = ChooseTables(
      {.include = {"*"}, .skip = {"tmp_*", "salaries"}, .blocked = {{"sal*", "personal"}}}, kAll);
  EXPECT_THAT(chosen.names, ElementsAre("customer", "invoice"));
  ASSERT_EQ(chosen.blocked.size(), 1U);
  EXPECT_EQ(chosen.blocked[0].name, "salaries");
  EXPECT_EQ(chosen.blocked[0].reason, "personal");
}

TEST(TableChoiceTest, PatternsThatNoTableMatchesAreTold) {
  const ChosenTables chosen =
      ChooseTables({.include = {"customer", "order*"}, .skip = {"log"}, .blocked = {{"hr_*", "no"}}}, kAll);
  EXPECT_THAT(chosen.names, ElementsAre("customer"));
  EXPECT_THAT(chosen.idle_patterns, ElementsAre("order*", "log", "hr_*"));
}

TEST(TableChoiceTest, OfWhatIsChosenAReaderMayTakeAPart) {
  const auto takes = [](const std::string& table) { return table != "invoice"; };
  EXPECT_THAT(ChooseTables({.skip = {"tmp_*"}, .takes = takes}, kAll).names,
              ElementsAre("customer", "salaries"));
}

TEST(TableChoiceTest, OfNamesThatDifferByCaseOneIsRefusedAndTheSameOneEachTime) {
  const std::vector<std::string> all = {"Center", "center", "other"};
  const ChosenTables first = ChooseTables({}, all);
  EXPECT_THAT(first.names, ElementsAre("Center", "other"));
  ASSERT_EQ(first.refused.size(), 1U);
  EXPECT_EQ(first.refused[0].name, "center");
  EXPECT_THAT(first.refused[0].reason, testing::HasSubstr("'Center' is sent"));
  // The other one was there before the first one came.
  const ChosenTables later = ChooseTables({.announced = {"center", "other"}}, all);
  EXPECT_THAT(later.names, ElementsAre("center", "other"));
  EXPECT_EQ(later.refused[0].name, "Center");
  EXPECT_EQ(ChooseTables({.keeps_twins = true}, all).names, all);
}

TEST(TableChoiceTest, APatternMeansTheOneThatItSpells) {
  const std::vector<std::string> all = {"Center", "center", "Other"};
  EXPECT_THAT(ChooseTables({.skip = {"center", "other"}}, all).names, ElementsAre("Center"));
  EXPECT_THAT(ChooseTables({.skip = {"Center"}}, all).names, ElementsAre("center", "Other"));
  EXPECT_THAT(ChooseTables({.skip = {"Center"}}, all).refused, IsEmpty());
  EXPECT_THAT(ChooseTables({.include = {"center"}}, all).names, ElementsAre("center"));
  EXPECT_THAT(ChooseTables({.skip = {"CENTER"}}, all).names, ElementsAre("Other"));
  EXPECT_THAT(ChooseTables({.skip = {"c*"}}, all).names, ElementsAre("Center", "Other"));
  // What must never leave is meant in whatever case.
  const ChosenTables blocked = ChooseTables({.blocked = {{"center", "no"}}}, all);
  EXPECT_THAT(blocked.names, ElementsAre("Other"));
  EXPECT_EQ(blocked.blocked.size(), 2U);
}

TEST(TableChoiceTest, OfTheExchangeItsLedgerAloneAndOnlyWhereThereIsOne) {
  const std::vector<std::string> all = {"_mirror_exchange", "_mirror_inbox",           "_mirror_ledger",
                                        "_mirror_datajoin", "_mirror_datajoin_change", "customer"};
  EXPECT_THAT(ChooseTables({}, all).names, ElementsAre("customer"));
  EXPECT_THAT(ChooseTables({.include = {"x"}, .exchange = true}, all).names, ElementsAre("_mirror_ledger"));
  const auto takes = [](const std::string& table) { return table == "customer"; };
  EXPECT_THAT(ChooseTables({.takes = takes, .exchange = true}, all).names, ElementsAre("customer"));
}

}  // namespace
}  // namespace mirror::table_choice_test
