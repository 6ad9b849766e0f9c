#include "client/command/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace mirror::progress_test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

Progress::Clock::time_point g_now;
Progress::Clock::time_point Now() { return g_now; }

Work Table(std::uint64_t rows, std::uint64_t expected) { return {"sending", "Track\x1b", rows, expected}; }

TEST(ProgressTest, ABarHasPartRateAndTimeLeftAndGoesAway) {
  std::ostringstream out;
  Progress progress(out, true, &Now);
  progress.Show(Table(0, 1'000'000));
  EXPECT_THAT(out.str(), IsEmpty());
  g_now += std::chrono::seconds(1);
  progress.Show(Table(250'000, 1'000'000));
  EXPECT_EQ(out.str(),
            "\r\x1b[KTrack\\x1b  [######..................]  25 %  3 s left  250,000 of 1,000,000 rows  "
            "250,000 rows/s");
  progress.Show(Table(260'000, 1'000'000));
  EXPECT_THAT(out.str(), testing::Not(HasSubstr("260,000"))) << "too soon";
  progress.Clear();
  EXPECT_TRUE(out.str().ends_with("\r\x1b[K"));
}

TEST(ProgressTest, WithoutATerminalThereIsALineEveryTenSeconds) {
  std::ostringstream out;
  Progress progress(out, false, &Now);
  progress.Show(Table(0, 1'000'000));
  g_now += std::chrono::seconds(9);
  progress.Show(Table(9'000, 1'000'000));
  EXPECT_THAT(out.str(), IsEmpty());
  g_now += std::chrono::seconds(1);
  progress.Show(Table(10'000, 1'000'000));
  EXPECT_EQ(out.str(), "Track\\x1b  1 %  16 min 30 s left  10,000 of 1,000,000 rows  1,000 rows/s\n");
  progress.Clear();
  EXPECT_THAT(out.str(), testing::Not(HasSubstr("\r")));
}

TEST(ProgressTest, ALongNameLeavesRoomForTheFigures) {
  std::ostringstream out;
  Progress progress(out, true, &Now);
  Work work = {"comparing", std::string(90, 'x'), 0, 123'456'789};
  progress.Show(work);
  g_now += std::chrono::seconds(1);
  work.rows = 12'345'678;
  progress.Show(work);
  const std::string shown = out.str().substr(4);
  EXPECT_THAT(shown, HasSubstr("  9 %  10 s left  "));
  EXPECT_EQ(CharactersOf(shown), kTextWidth) << shown;
}

TEST(ProgressTest, ASourceThatGrewHasNoTimeLeft) {
  std::ostringstream out;
  Progress progress(out, false, &Now);
  progress.Show(Table(0, 100));
  g_now += std::chrono::seconds(10);
  progress.Show(Table(200, 100));
  EXPECT_EQ(out.str(), "Track\\x1b  200 rows  20 rows/s\n");
}

}  // namespace
}  // namespace mirror::progress_test
