#include "client/command/schedule.h"

#include <gtest/gtest.h>

#include "tests/client/local_zone.h"

namespace mirror::schedule_test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Time = Schedule::Time;

class ScheduleTest : public testing::Test {
 protected:
  Schedule Make(std::vector<QuietHours> quiet = {}, const std::string& cron = "") {
    std::optional<CronRule> rule;
    if (!cron.empty()) rule = *CronRule::Parse(cron);
    return Schedule(
        minutes(20), std::move(quiet), [this] { return random_; }, std::move(rule));
  }
  /// 2026-11-20 at that time.
  static Time At(int hour, int minute, int second = 0) {
    return Time(seconds(1'795'132'800)) + hours(hour) + minutes(minute) + seconds(second);
  }
  const LocalZone zone_{"UTC"};
  double random_ = 0.5;
};

TEST_F(ScheduleTest, AnIntervalIsFromBeginToBegin) {
  Schedule schedule = Make();
  EXPECT_EQ(schedule.First(At(10, 0)), At(10, 0));
  EXPECT_EQ(schedule.Next(At(10, 0), At(10, 5), true), At(10, 20));
  EXPECT_EQ(schedule.Next(At(10, 20), At(11, 7), true), At(11, 7))
      << "a run that took longer than the interval";
}

TEST_F(ScheduleTest, AClockThatIsSetBackDuringARunDelaysNothing) {
  Schedule schedule = Make();
  EXPECT_EQ(schedule.Next(At(14, 30), At(10, 31), true), At(10, 51));
  Schedule hourly = Make({}, "0 * * * *");
  EXPECT_EQ(hourly.Next(At(14, 30), At(10, 31), true), At(11, 0));
}

TEST_F(ScheduleTest, AWaitEndsByTheClockOrAfterItsTime) {
  const Wait::Steady begun{hours(1)};
  const Wait wait(At(15, 0), At(14, 30), begun);
  EXPECT_EQ(wait.Left(At(14, 30), begun), minutes(30));
  EXPECT_EQ(wait.Left(At(14, 50), begun + minutes(20)), minutes(10));
  EXPECT_EQ(wait.Left(At(15, 1), begun + minutes(31)), seconds(0));
  // Set forward, and set back by four hours.
  EXPECT_EQ(wait.Left(At(15, 0), begun + minutes(1)), seconds(0));
  EXPECT_EQ(wait.Left(At(10, 31), begun + minutes(1)), minutes(29));
  EXPECT_EQ(wait.Left(At(11, 0), begun + minutes(30)), seconds(0));
}

TEST_F(ScheduleTest, FailuresAreRetriedLaterEachTimeUpToTheInterval) {
  Schedule schedule = Make();
  seconds wait(5);
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(schedule.Next(At(10, 0), At(10, 1), false) - At(10, 1), wait) << i;
    wait = std::min<seconds>(wait * 2, minutes(20));
  }
  EXPECT_EQ(schedule.Next(At(10, 0), At(10, 1), true), At(10, 20));
  EXPECT_EQ(schedule.Next(At(10, 20), At(10, 21), false), At(10, 21, 5)) << "from the beginning again";
}

TEST_F(ScheduleTest, ARetryIsMovedByAFifthOfItsWaitAtMost) {
  for (const double random : {0.0, 0.25, 1.0}) {
    Schedule schedule = Make();
    random_ = random;
    const auto wait = schedule.Next(At(10, 0), At(10, 0), false) - At(10, 0);
    EXPECT_EQ(wait, milliseconds(static_cast<int>(5'000 * (0.8 + 0.4 * random))));
  }
}

TEST_F(ScheduleTest, AFollowedSourceIsTriedAgainSoonButNotInQuietHours) {
  const Schedule night = Make({{23 * 60, 6 * 60}});
  for (const double random : {0.0, 0.5, 1.0}) {
    random_ = random;
    EXPECT_EQ(night.Soon(At(10, 0)) - At(10, 0), milliseconds(static_cast<int>(5'000 + 25'000 * random)));
  }
  EXPECT_EQ(night.Soon(At(22, 59, 50)), At(30, 0));
  EXPECT_TRUE(night.IsQuiet(At(23, 0)));
  EXPECT_FALSE(night.IsQuiet(At(22, 59, 59)));
}

TEST_F(ScheduleTest, NothingBeginsInQuietHours) {
  Schedule night = Make({{23 * 60, 6 * 60}});
  EXPECT_EQ(night.First(At(22, 59, 59)), At(22, 59, 59));
  EXPECT_EQ(night.First(At(23, 0)), At(24 + 6, 0));
  EXPECT_EQ(night.First(At(5, 59, 59)), At(6, 0));
  EXPECT_EQ(night.First(At(6, 0)), At(6, 0));
  EXPECT_EQ(night.Next(At(22, 50), At(22, 51), true), At(24 + 6, 0));
  EXPECT_EQ(night.Next(At(22, 50), At(22, 59, 58), false), At(24 + 6, 0)) << "retries neither";
}

TEST_F(ScheduleTest, APeriodMayEndInAnother) {
  Schedule schedule = Make({{3 * 60, 4 * 60}, {1 * 60 + 30, 3 * 60}});
  EXPECT_EQ(schedule.First(At(2, 0)), At(4, 0));
}

TEST_F(ScheduleTest, QuietHoursEndByTheClockAlsoInANightInWhichItIsMoved) {
  const LocalZone zone(kBerlin);
  const Schedule night = Make({{23 * 60, 6 * 60}});
  for (const std::string day : {"2026-03-29", "2026-10-25", "2026-11-20"}) {
    EXPECT_EQ(Local(night.First(mirror::At(day + " 00:30:00"))).substr(0, 19), day + " 06:00:00");
  }
  // An end that does not exist is that of the gap, and of one that comes twice the first one counts.
  EXPECT_EQ(Local(Make({{60, 150}}).First(mirror::At("2026-03-29 01:30:00"))), "2026-03-29 03:30:00 CEST");
  const Time end = Make({{60, 150}}).First(mirror::At("2026-10-25 01:30:00"));
  EXPECT_EQ(Local(end).substr(0, 19), "2026-10-25 02:30:00");
}

TEST_F(ScheduleTest, CronSaysWhenEachRunBegins) {
  Schedule schedule = Make({}, "0 2,10 * * *");
  EXPECT_EQ(schedule.Next(At(2, 0), At(2, 5), true), At(10, 0));
  EXPECT_EQ(schedule.Next(At(10, 0), At(10, 5), true), At(24 + 2, 0));
}

TEST_F(ScheduleTest, ATimeOfCronThatPassedDuringARunIsNotMadeUpFor) {
  Schedule schedule = Make({}, "0 * * * *");
  EXPECT_EQ(schedule.Next(At(10, 0), At(12, 30), true), At(13, 0));
}

TEST_F(ScheduleTest, CronWaitsForItsTimeAtStartUnlessNoRunWasGood) {
  const Schedule schedule = Make({}, "0 * * * *");
  EXPECT_EQ(schedule.First(At(10, 5), /*was_good=*/true), At(11, 0));
  EXPECT_EQ(schedule.First(At(10, 5), /*was_good=*/false), At(10, 5));
  EXPECT_EQ(Make().First(At(10, 5), /*was_good=*/true), At(10, 5)) << "an interval begins with a run";
}

TEST_F(ScheduleTest, ARetryComesNoLaterThanTheNextTimeOfCron) {
  Schedule schedule = Make({}, "*/10 * * * *");
  EXPECT_EQ(schedule.Next(At(10, 0), At(10, 0, 10), false), At(10, 0, 15));
  for (int i = 0; i < 20; ++i) schedule.Next(At(10, 0), At(10, 1), false);
  EXPECT_EQ(schedule.Next(At(10, 0), At(10, 1), false), At(10, 10));
  EXPECT_EQ(schedule.Next(At(10, 10), At(10, 11), true), At(10, 20));
}

TEST_F(ScheduleTest, FirstRunsOfManySourcesAreKeptApart) {
  EXPECT_EQ(FirstWait(0, 1, minutes(20)), milliseconds(0));
  EXPECT_EQ(FirstWait(0, 200, minutes(20)), milliseconds(0));
  EXPECT_EQ(FirstWait(199, 200, minutes(20)), 199 * kStartStep);
  EXPECT_LT(FirstWait(9'999, 10'000, minutes(20)), minutes(20)) << "all within an interval";
  EXPECT_GT(FirstWait(9'999, 10'000, minutes(20)), FirstWait(9'998, 10'000, minutes(20)));
}

TEST_F(ScheduleTest, ATimeOfCronInQuietHoursIsPutOffToTheirEnd) {
  Schedule schedule = Make({{1 * 60, 5 * 60}}, "0 2 * * *");
  EXPECT_EQ(schedule.Next(At(0, 0), At(0, 1), true), At(5, 0));
  EXPECT_EQ(schedule.Next(At(5, 0), At(5, 1), true), At(24 + 5, 0));
  EXPECT_EQ(schedule.First(At(0, 30), true), At(5, 0));
}

}  // namespace
}  // namespace mirror::schedule_test
