#include "server/watch/time_series.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

// A day by minute, and what it costs.

namespace mirror::time_series_test {
namespace {

using testing::Each;
using testing::SizeIs;

constexpr std::int64_t kBegin = 29'000'000;  // Minutes of unix time.
constexpr std::int64_t kMinuteMs = 60'000;

TEST(MinuteSeriesTest, AMinuteIsAsItWasGiven) {
  MinuteSeries series;
  series.Add(kBegin, {.rows = 1'234, .lag_s = 61, .cycle_ms = 2'047});
  series.Add(kBegin + 1, {.rows = 0, .lag_s = 3, .cycle_ms = -1});
  const std::vector<Minute> minutes = series.From(kBegin - 1, 4);
  EXPECT_EQ(minutes[0], Minute{});
  EXPECT_EQ(minutes[1], (Minute{1'234, 61, 2'047}));
  EXPECT_EQ(minutes[2], (Minute{0, 3, -1}));
  EXPECT_EQ(minutes[3], Minute{}) << "it is not over";
}

TEST(MinuteSeriesTest, LargeNumbersAreRightToAHalfPerMille) {
  MinuteSeries series;
  std::int64_t minute = kBegin;
  for (std::uint64_t rows = 3'000; rows < 1'000'000'000'000; rows = rows * 3 + 1) {
    series.Add(++minute, {.rows = rows});
    const auto kept = static_cast<double>(series.From(minute, 1)[0].rows);
    EXPECT_NEAR(kept, static_cast<double>(rows), static_cast<double>(rows) * 0.0005) << rows;
  }
}

TEST(MinuteSeriesTest, WhatOnlyGrowsOlderTakesNoRoom) {
  MinuteSeries series;
  for (std::int64_t i = 0; i < MinuteSeries::kMinutes; ++i) series.Add(kBegin + i, {.lag_s = 10 + 60 * i});
  EXPECT_LT(series.bytes(), 1'000U);
  const std::vector<Minute> minutes = series.From(kBegin, MinuteSeries::kMinutes);
  EXPECT_EQ(minutes[0].lag_s, 10);
  EXPECT_EQ(minutes[700].lag_s, 10 + 60 * 700);
}

TEST(MinuteSeriesTest, ABusyDayTakesNoMoreThanIsPromised) {
  MinuteSeries series;
  for (std::int64_t i = 0; i < 3 * MinuteSeries::kMinutes; ++i)
    series.Add(kBegin + i, {.rows = 7, .lag_s = 5, .cycle_ms = 900});
  EXPECT_LE(series.bytes(), 12'500U);
  const std::int64_t end = kBegin + 3 * MinuteSeries::kMinutes;
  EXPECT_THAT(series.From(end - MinuteSeries::kMinutes, MinuteSeries::kMinutes), Each(Minute{7, 5, 900}));
}

TEST(MinuteSeriesTest, MinutesThatNobodyLookedAtAreNotKnown) {
  MinuteSeries series;
  series.Add(kBegin, {.rows = 1, .lag_s = 5});
  series.Add(kBegin + 10, {.rows = 2, .lag_s = 6});
  const std::vector<Minute> minutes = series.From(kBegin, 11);
  EXPECT_EQ(minutes[0].lag_s, 5);
  EXPECT_EQ(minutes[1], Minute{});
  EXPECT_EQ(minutes[9], Minute{});
  EXPECT_EQ(minutes[10].rows, 2U);
}

TEST(MinuteSeriesTest, AMinuteThatEndsTwiceCountsOnceAndAClockOfYesterdayBeginsAnew) {
  MinuteSeries series;
  series.Add(kBegin + 100, {.rows = 1});
  series.Add(kBegin + 99, {.rows = 2});
  EXPECT_EQ(series.From(kBegin + 100, 1)[0].rows, 1U);
  series.Add(kBegin, {.rows = 3});
  EXPECT_EQ(series.From(kBegin + 100, 1)[0].rows, 0U);
  EXPECT_EQ(series.From(kBegin, 1)[0].rows, 3U);
}

class TimeSeriesTest : public testing::Test {
 protected:
  Minute Last(const std::string& context_id) const {
    const TimeSeries::Shown shown = series_.Of(context_id, now_);
    EXPECT_THAT(shown.minutes, SizeIs(MinuteSeries::kMinutes));
    EXPECT_EQ(shown.begin_ms, (now_ / kMinuteMs - MinuteSeries::kMinutes) * kMinuteMs);
    return shown.minutes.back();
  }
  /// A look in the next minute.
  void NextMinute(const std::vector<TimeSeries::Seen>& tenants) {
    now_ += kMinuteMs;
    series_.Look(tenants, now_);
  }

  TimeSeries series_;
  std::int64_t now_ = kBegin * kMinuteMs + 500;
};

TEST_F(TimeSeriesTest, AMinuteHasWhatHappenedInItAndAllTogetherTheirSum) {
  series_.Look({{.context_id = "a"}, {.context_id = "b", .rows = 5}}, now_);
  NextMinute({{.context_id = "a",
               .rows = 60,
               .source_ms = now_ + kMinuteMs - 9'000,
               .cycle_ended_ms = now_,
               .cycle_ms = 700},
              {.context_id = "b", .rows = 5, .source_ms = now_ + kMinuteMs - 90'000}});
  EXPECT_EQ(Last("a"), (Minute{60, 9, 700}));
  EXPECT_EQ(Last("b"), (Minute{5, 90, -1}));
  EXPECT_EQ(Last(""), (Minute{65, 90, 700}));
  NextMinute(
      {{.context_id = "a", .rows = 61, .cycle_ended_ms = now_ - kMinuteMs}, {.context_id = "b", .rows = 5}});
  EXPECT_EQ(Last("a").rows, 1U);
  EXPECT_EQ(Last("b"), (Minute{0, -1, -1}));
}

TEST_F(TimeSeriesTest, TheLongestCycleOfTheMinuteCounts) {
  series_.Look({{.context_id = "a"}}, now_);
  series_.Look({{.context_id = "a", .cycle_ended_ms = now_ + 1, .cycle_ms = 900}}, now_ + 1);
  series_.Look({{.context_id = "a", .cycle_ended_ms = now_ + 2, .cycle_ms = 100}}, now_ + 2);
  NextMinute({{.context_id = "a", .cycle_ended_ms = now_ + 2, .cycle_ms = 100}});
  EXPECT_EQ(Last("a").cycle_ms, 900);
  NextMinute({{.context_id = "a", .cycle_ended_ms = now_ - kMinuteMs + 2, .cycle_ms = 100}});
  EXPECT_EQ(Last("a").cycle_ms, -1);
}

TEST_F(TimeSeriesTest, WhoIsPausedMakesNotAllOfThemOld) {
  const std::int64_t old = now_ - 3'600'000;
  series_.Look({}, now_);
  NextMinute({{.context_id = "a", .source_ms = old, .paused = true}, {.context_id = "b", .source_ms = now_}});
  EXPECT_EQ(Last("a").lag_s, 3'660);
  EXPECT_EQ(Last("").lag_s, 60);
}

TEST_F(TimeSeriesTest, OfATenantThatIsNotThereNothingIsKnown) {
  series_.Look({{.context_id = "a", .rows = 5}}, now_);
  NextMinute({{.context_id = "a", .rows = 5}});
  NextMinute({});
  NextMinute({});
  EXPECT_THAT(series_.Of("a", now_).minutes, Each(Minute{}));
  EXPECT_THAT(series_.Of("nobody", now_).minutes, Each(Minute{}));
}

}  // namespace
}  // namespace mirror::time_series_test
