#include "client/run/check_source.h"

#include <gtest/gtest.h>

#include "tests/client/local_zone.h"
#include "tests/support/status_matchers.h"

namespace mirror {
namespace {

constexpr std::int64_t kMinute = 60'000, kHour = 60 * kMinute;

SourceConfig Scheduled(const char* cron) {
  SourceConfig source;
  auto rule = CronRule::Parse(cron);
  EXPECT_THAT(rule, IsOk());
  source.cron = *std::move(rule);
  return source;
}

std::int64_t PauseOf(const SourceConfig& source) {
  return LongestPauseMs(source, std::chrono::sys_days(std::chrono::year(2026) / 5 / 4));
}

TEST(CheckSourceTest, TheLongestPauseIsTheIntervalOrTheLongestGapOfItsRule) {
  const LocalZone zone("UTC");
  SourceConfig source;
  source.interval_ms = 20 * kMinute;
  EXPECT_EQ(PauseOf(source), 20 * kMinute);
  EXPECT_EQ(PauseOf(Scheduled("0 * * * *")), kHour);
  EXPECT_EQ(PauseOf(Scheduled("30 6-20/2 * * mon-fri")), 58 * kHour) << "over a weekend";
  EXPECT_EQ(PauseOf(Scheduled("@yearly")), 366 * 24 * kHour);
}

TEST(CheckSourceTest, QuietHoursMakeAPauseLonger) {
  SourceConfig source;
  source.interval_ms = kHour;
  source.quiet = {{23 * 60, 6 * 60}, {12 * 60, 13 * 60}};
  EXPECT_EQ(PauseOf(source), 8 * kHour);
}

TEST(CheckSourceTest, OfFilesThereIsNothingToSay) { EXPECT_TRUE(CheckSource({}).all().empty()); }

}  // namespace
}  // namespace mirror
