#include "client/config/cron_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/local_zone.h"
#include "tests/support/status_matchers.h"

namespace mirror::cron_rule_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

CronRule Rule(const std::string& text) {
  const auto rule = CronRule::Parse(text);
  EXPECT_THAT(rule, IsOk());
  return rule.ok() ? *rule : *CronRule::Parse("0 0 1 1 *");
}

/// The next ones, without what is the same in all tests of a zone.
std::vector<std::string> Times(const std::string& rule, const std::string& after, int count) {
  std::vector<std::string> times;
  LocalTimePoint time = At(after);
  for (int i = 0; i < count; ++i) {
    const auto next = Rule(rule).Next(time);
    if (!next) return times;
    times.push_back(Local(*next));
    time = *next;
  }
  return times;
}

// --- What is due when ---

struct NextCase {
  std::string name, rule, after;
  std::string want;
};

class CronNextTest : public testing::TestWithParam<NextCase> {};

TEST_P(CronNextTest, IsTheFirstTimeBehindIt) {
  const LocalZone zone("UTC");
  EXPECT_THAT(Times(GetParam().rule, GetParam().after, 1), ElementsAre(GetParam().want + " UTC"));
}

// 2026-11-20 is a Friday.
INSTANTIATE_TEST_SUITE_P(
    Cron, CronNextTest,
    testing::Values(
        NextCase{"EachMinute", "* * * * *", "2026-11-20 10:00:00", "2026-11-20 10:01:00"},
        NextCase{"NeverTheTimeItself", "0 10 * * *", "2026-11-20 10:00:00", "2026-11-21 10:00:00"},
        NextCase{"TheSecondBefore", "0 10 * * *", "2026-11-20 09:59:59", "2026-11-20 10:00:00"},
        NextCase{"Step", "*/15 * * * *", "2026-11-20 10:16:01", "2026-11-20 10:30:00"},
        NextCase{"StepOfARange", "5-50/20 * * * *", "2026-11-20 10:26:00", "2026-11-20 10:45:00"},
        NextCase{"List", "0,7,50 * * * *", "2026-11-20 10:07:00", "2026-11-20 10:50:00"},
        NextCase{"ListOfRanges", "0 22-23,0-5 * * *", "2026-11-20 05:00:00", "2026-11-20 22:00:00"},
        NextCase{"OverMidnight", "0 22-23,0-5 * * *", "2026-11-20 23:00:00", "2026-11-21 00:00:00"},
        NextCase{"WorkingDays", "30 6 * * mon-fri", "2026-11-20 06:30:00", "2026-11-23 06:30:00"},
        NextCase{"NamesInAnyCase", "30 6 * Dec Mon,WED", "2026-11-20 06:30:00", "2026-12-02 06:30:00"},
        NextCase{"SundayIsZero", "0 0 * * 0", "2026-11-20 00:00:00", "2026-11-22 00:00:00"},
        NextCase{"SundayIsSeven", "0 0 * * 7", "2026-11-20 00:00:00", "2026-11-22 00:00:00"},
        NextCase{"RangeThatEndsWithSunday", "0 0 * * sat-sun", "2026-11-21 00:00:00", "2026-11-22 00:00:00"},
        NextCase{"RangeToSeven", "0 0 * * 6-7", "2026-11-21 00:00:00", "2026-11-22 00:00:00"},
        NextCase{"NextYear", "0 0 1 jan *", "2026-11-20 00:00:00", "2027-01-01 00:00:00"},
        NextCase{"MonthsWithoutTheDayArePassedOver", "0 0 31 * *", "2026-08-31 00:00:00",
                 "2026-10-31 00:00:00"},
        NextCase{"LeapDay", "0 12 29 feb *", "2026-11-20 00:00:00", "2028-02-29 12:00:00"},
        NextCase{"LeapDayOverACenturyWithoutOne", "0 0 29 2 *", "2096-02-29 00:00:00", "2104-02-29 00:00:00"},
        NextCase{"DayOfTheMonth", "0 0 13 * fri", "2026-11-12 00:00:00", "2026-11-13 00:00:00"},
        NextCase{"OrDayOfTheWeek", "0 0 13 * fri", "2026-11-13 00:00:00", "2026-11-20 00:00:00"},
        NextCase{"AndWhereOneBeginsWithAStar", "0 0 */2 * fri", "2026-11-20 00:00:00", "2026-11-27 00:00:00"},
        NextCase{"EitherDayOfAMonthWithoutTheFirst", "0 0 31 feb mon", "2026-11-20 00:00:00",
                 "2027-02-01 00:00:00"},
        NextCase{"Blanks", " \t0  10\t* * *  ", "2026-11-20 09:00:00", "2026-11-20 10:00:00"},
        NextCase{"Hourly", "@hourly", "2026-11-20 10:00:01", "2026-11-20 11:00:00"},
        NextCase{"Daily", "@Daily", "2026-11-20 10:00:00", "2026-11-21 00:00:00"},
        NextCase{"Midnight", "@midnight", "2026-11-20 10:00:00", "2026-11-21 00:00:00"},
        NextCase{"Weekly", "@weekly", "2026-11-20 10:00:00", "2026-11-22 00:00:00"},
        NextCase{"Monthly", "@monthly", "2026-11-20 10:00:00", "2026-12-01 00:00:00"},
        NextCase{"Yearly", "@yearly", "2026-11-20 10:00:00", "2027-01-01 00:00:00"}),
    [](const auto& test) { return test.param.name; });

TEST(CronRuleTest, KeepsTheTextThatItCameFrom) {
  EXPECT_EQ(Rule("@daily").text(), "@daily");
  EXPECT_EQ(Rule("0 6  * * *").text(), "0 6  * * *");
}

TEST(CronRuleTest, FractionsOfASecondDoNotMakeItDueTwice) {
  const LocalZone zone("UTC");
  const LocalTimePoint ten = At("2026-11-20 10:00:00");
  EXPECT_EQ(Rule("0 10 * * *").Next(ten + std::chrono::milliseconds(3)), ten + std::chrono::hours(24));
  EXPECT_EQ(Rule("0 10 * * *").Next(ten - std::chrono::milliseconds(3)), ten);
}

// --- What is refused ---

struct RefusedCase {
  std::string name, rule;
  std::string want;
};

class CronRefusedTest : public testing::TestWithParam<RefusedCase> {};

TEST_P(CronRefusedTest, SaysWhichFieldAndWhy) {
  EXPECT_THAT(CronRule::Parse(GetParam().rule),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().want)));
}

INSTANTIATE_TEST_SUITE_P(
    Cron, CronRefusedTest,
    testing::Values(
        RefusedCase{"Nothing", "", "has 0 fields; there are five"},
        RefusedCase{"FourFields", "0 6 * *", "has 4 fields; there are five"},
        RefusedCase{"SixFields", "0 0 6 * * *", "has 6 fields"},
        RefusedCase{"Reboot", "@reboot", "'@reboot' is not @hourly"},
        RefusedCase{"WordBehindAWord", "@daily 5", "has 2 fields"},
        RefusedCase{"Minute60", "60 * * * *", "the minute '60' is not a value: values are from 0 to 59"},
        RefusedCase{"Hour24", "0 24 * * *", "the hour '24' is not a value: values are from 0 to 23"},
        RefusedCase{"Day0", "0 0 0 * *", "the day of the month '0' is not a value: values are from 1 to 31"},
        RefusedCase{"Month13", "0 0 1 13 *",
                    "the month '13' is not a value: values are from 1 to 12 or jan to dec"},
        RefusedCase{"Weekday8", "0 0 * * 8",
                    "the day of the week '8' is not a value: values are from 0 to 7 or sun to sat"},
        RefusedCase{"NameOfAnotherField", "0 0 * mon *", "the month 'mon'"},
        RefusedCase{"LongName", "0 0 * * monday", "the day of the week 'monday'"},
        RefusedCase{"Minus", "-5 * * * *", "the minute '-5'"},
        RefusedCase{"Fraction", "1.5 * * * *", "the minute '1.5'"},
        RefusedCase{"Overflow", "99999999999999999999 * * * *", "the minute '99999999999999999999'"},
        RefusedCase{"EmptyInAList", "1,,2 * * * *", "the minute ''"},
        RefusedCase{"EndOfAList", "1, * * * *", "the minute ''"},
        RefusedCase{"OpenRange", "5- * * * *", "the minute '5-'"},
        RefusedCase{"Backwards", "0 22-5 * * *", "the hour '22-5' ends before it begins: write two ranges"},
        RefusedCase{"StepOfNothing", "*/0 * * * *", "the minute '*/0' has a wrong step: a step is from 1"},
        RefusedCase{"StepBeyondTheField", "*/90 * * * *", "a step is from 1 to 60"},
        RefusedCase{"StepOfOneValue", "5/15 * * * *", "needs a range, as 5-59/15"},
        RefusedCase{"TwoSteps", "*/2/3 * * * *", "the minute '*/2/3'"},
        RefusedCase{"FebruaryThirtieth", "0 0 30 feb *", "is never due: none of its months has such a day"},
        RefusedCase{"ThirtyFirstOfShortMonths", "0 0 31 2,4,6,9,11 *", "is never due"}),
    [](const auto& test) { return test.param.name; });

TEST(CronRuleTest, WhatATimeCannotHoldIsNeverDue) {
  const auto rule = CronRule::Parse("@yearly");
  ASSERT_THAT(rule, IsOk());
  const CronRule::Time early = std::chrono::sys_days(std::chrono::year(2260) / 6 / 1);
  const std::optional<CronRule::Time> next = rule->Next(early);
  ASSERT_TRUE(next.has_value());
  EXPECT_TRUE(rule->Next(*next).has_value());
  EXPECT_FALSE(rule->Next(CronRule::Time::max() - std::chrono::hours(48)).has_value());
}

// --- Where the clock is moved ---

TEST(CronClockTest, ATimeThatDoesNotExistIsDueOnceRightAfterTheGap) {
  const LocalZone zone(kBerlin);
  EXPECT_THAT(Times("30 2 * * *", "2026-03-28 00:00:00", 3),
              ElementsAre("2026-03-28 02:30:00 CET", "2026-03-29 03:00:00 CEST", "2026-03-30 02:30:00 CEST"));
}

TEST(CronClockTest, ManyTimesThatDoNotExistAreDueOnceTogether) {
  const LocalZone zone(kBerlin);
  EXPECT_THAT(Times("*/10 2-3 * * *", "2026-03-29 01:00:00", 2),
              ElementsAre("2026-03-29 03:00:00 CEST", "2026-03-29 03:10:00 CEST"));
}

TEST(CronClockTest, ATimeThatExistsTwiceIsDueTheFirstTimeAlone) {
  const LocalZone zone(kBerlin);
  EXPECT_THAT(Times("30 2 * * *", "2026-10-24 12:00:00", 2),
              ElementsAre("2026-10-25 02:30:00 CEST", "2026-10-26 02:30:00 CET"));
  EXPECT_THAT(Times("30 2 * * *", "2026-10-25 02:10:00 CET", 1), ElementsAre("2026-10-26 02:30:00 CET"))
      << "begun between the two";
}

TEST(CronClockTest, ARuleForEveryHourGoesByTheHoursAsTheyPass) {
  const LocalZone zone(kBerlin);
  EXPECT_THAT(Times("30 * * * *", "2026-03-29 01:00:00", 2),
              ElementsAre("2026-03-29 01:30:00 CET", "2026-03-29 03:30:00 CEST"));
  EXPECT_THAT(Times("30 * * * *", "2026-10-25 01:45:00", 3),
              ElementsAre("2026-10-25 02:30:00 CEST", "2026-10-25 02:30:00 CET", "2026-10-25 03:30:00 CET"));
}

TEST(CronClockTest, ARuleForEveryHourKeepsItsPaceOverBothMoves) {
  const LocalZone zone(kBerlin);
  for (const char* day : {"2026-03-28 23:30:00", "2026-10-24 23:30:00"}) {
    const CronRule rule = Rule("*/10 * * * *");
    LocalTimePoint time = At(day);
    for (int i = 0; i < 40; ++i) {
      const auto next = rule.Next(time);
      ASSERT_TRUE(next);
      EXPECT_EQ(*next - time, std::chrono::minutes(10)) << Local(time);
      time = *next;
    }
  }
}

TEST(CronClockTest, AClockThatIsMovedAtMidnightKeepsBothDays) {
  // Forward at 0:00 on the 29th of March, back at 0:00 on the 25th of October.
  const LocalZone zone("CET-1CEST,M3.5.0/0,M10.5.0/0");
  EXPECT_THAT(Times("0 0 * * *", "2026-03-28 12:00:00", 2),
              ElementsAre("2026-03-29 01:00:00 CEST", "2026-03-30 00:00:00 CEST"));
  EXPECT_THAT(Times("30 23 * * *", "2026-10-24 12:00:00", 2),
              ElementsAre("2026-10-24 23:30:00 CEST", "2026-10-25 23:30:00 CET"));
  EXPECT_THAT(Times("30 * * * *", "2026-10-24 23:00:00", 3),
              ElementsAre("2026-10-24 23:30:00 CEST", "2026-10-24 23:30:00 CET", "2026-10-25 00:30:00 CET"));
}

TEST(CronClockTest, HalfAnHourAndTheSouthernHalfOfTheEarthAreNoExceptions) {
  const LocalZone zone("LHST-10:30LHDT-11,M10.1.0,M4.1.0");  // Lord Howe: 2:00 to 2:30 on the 4th of October.
  EXPECT_THAT(Times("15 2 * * *", "2026-10-03 12:00:00", 2),
              ElementsAre("2026-10-04 02:30:00 LHDT", "2026-10-05 02:15:00 LHDT"));
  EXPECT_THAT(Times("45 1 * * *", "2026-04-04 12:00:00", 2),
              ElementsAre("2026-04-05 01:45:00 LHDT", "2026-04-06 01:45:00 LHST"));
}

}  // namespace
}  // namespace mirror::cron_rule_test
