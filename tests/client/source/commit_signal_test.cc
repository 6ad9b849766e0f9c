#include "client/source/commit_signal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <semaphore>
#include <stop_token>
#include <thread>

#include "client/source/kept_log.h"
#include "tests/support/status_matchers.h"

namespace mirror::commit_signal_test {
namespace {

using Heard = ChangeSignal::Heard;
using std::chrono::nanoseconds;

constexpr std::chrono::seconds kLong(60);

class CommitSignalTest : public testing::Test {
 protected:
  bool IsWaiting() { return !signal_.Wait(nanoseconds(0), {}); }

  CommitSignal signal_;
};

TEST_F(CommitSignalTest, ACommitWakesUntilARunTakesIt) {
  EXPECT_TRUE(IsWaiting());
  signal_.Committed(7);
  EXPECT_FALSE(IsWaiting());
  EXPECT_FALSE(IsWaiting()) << "a look takes nothing";
  signal_.Take(6);
  EXPECT_FALSE(IsWaiting()) << "the run's position is before the commit";
  signal_.Take(7);
  EXPECT_TRUE(IsWaiting());
  signal_.Committed(8);
  signal_.TakeAll();
  EXPECT_TRUE(IsWaiting());
}

TEST_F(CommitSignalTest, ALogThatBeginsElsewhereWakesUntilARunBegins) {
  signal_.Restarted();
  EXPECT_FALSE(IsWaiting());
  signal_.Take(1);
  EXPECT_TRUE(IsWaiting()) << "the position is one of the new log";
  signal_.Restarted();
  signal_.TakeAll();
  EXPECT_TRUE(IsWaiting());
}

TEST_F(CommitSignalTest, ACommitThatWakesNobodyIsSomethingToSendNevertheless) {
  EXPECT_TRUE(signal_.HasNothing());
  signal_.Passed(7);
  EXPECT_TRUE(IsWaiting());
  EXPECT_FALSE(signal_.HasNothing());
  signal_.Take(6);
  EXPECT_FALSE(signal_.HasNothing());
  signal_.Take(7);
  EXPECT_TRUE(signal_.HasNothing());
  signal_.Passed(8);
  signal_.TakeAll();
  EXPECT_TRUE(signal_.HasNothing());
  signal_.Committed(9);
  EXPECT_FALSE(signal_.HasNothing());
  signal_.Take(9);
  signal_.Restarted();
  EXPECT_FALSE(signal_.HasNothing());
}

/// Each would otherwise end after kLong.
TEST_F(CommitSignalTest, AWaitingThreadIsWokenByACommitAndByAStop) {
  const auto begun = std::chrono::steady_clock::now();
  std::binary_semaphore waits{0};
  std::thread commits([&] {
    waits.acquire();
    signal_.Committed(1);
  });
  waits.release();
  EXPECT_TRUE(signal_.Wait(kLong, {}));
  commits.join();
  signal_.TakeAll();
  std::stop_source stop;
  std::thread stops([&] {
    waits.acquire();
    stop.request_stop();
  });
  waits.release();
  EXPECT_FALSE(signal_.Wait(kLong, stop.get_token()));
  stops.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, kLong);
}

class Keeper final : public LogKeeper {
 public:
  explicit Keeper(CommitSignal& commits) : LogKeeper(commits) {}
  std::optional<std::chrono::steady_clock::time_point> ReadToEnd(const std::stop_token& /*stop*/) override {
    if (on_read) on_read();
    return read;
  }

  std::function<void()> on_read;
  std::optional<std::chrono::steady_clock::time_point> read;
};

TEST(KeptLogSignalTest, ASilentLogProvesNothingBeforeItWasReadToItsEnd) {
  KeptLog kept;
  KeptLogSignal signal(kept);
  EXPECT_EQ(signal.QuietAt({}), std::nullopt);
  CommitSignal commits;
  const auto keeper = std::make_shared<Keeper>(commits);
  kept.keeper = keeper;
  EXPECT_EQ(signal.QuietAt({}), std::nullopt);
  keeper->read = std::chrono::steady_clock::now();
  EXPECT_EQ(signal.QuietAt({}), keeper->read);
  keeper->on_read = [&] { commits.Committed(3); };
  EXPECT_EQ(signal.QuietAt({}), std::nullopt) << "it came while the log was read";
  keeper->on_read = nullptr;
  EXPECT_EQ(signal.QuietAt({}), std::nullopt);
  EXPECT_THAT(signal.Mark(), IsOk());
  EXPECT_EQ(signal.QuietAt({}), keeper->read);
  commits.Passed(4);
  EXPECT_EQ(signal.QuietAt({}), std::nullopt) << "the mirror lacks what the agent itself wrote";
}

TEST(KeptLogSignalTest, BeforeTheFirstRunNothingIsHeardAndAfterItTheKeepersCommits) {
  KeptLog kept;
  KeptLogSignal signal(kept);
  EXPECT_THAT(signal.Mark(), IsOk());
  EXPECT_EQ(signal.Wait(nanoseconds(0), {}), Heard::kLost);
  CommitSignal commits;
  kept.keeper = std::make_shared<Keeper>(commits);
  EXPECT_EQ(signal.Wait(nanoseconds(0), {}), Heard::kNothing);
  commits.Committed(1);
  EXPECT_EQ(signal.Wait(nanoseconds(0), {}), Heard::kChange);
  EXPECT_THAT(signal.Mark(), IsOk());
  EXPECT_EQ(signal.Wait(nanoseconds(0), {}), Heard::kNothing);
  EXPECT_FALSE(signal.WritersWait());
}

TEST(KeptLogSignalTest, ASourceInWhichARunFoundNoLogIsNotFollowed) {
  KeptLog kept;
  kept.is_missing = true;
  KeptLogSignal signal(kept);
  EXPECT_THAT(signal.Mark(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       testing::HasSubstr("has no change log, so its runs begin by 'interval'")));
  kept.is_missing = false;
  EXPECT_THAT(signal.Mark(), IsOk());
}

}  // namespace
}  // namespace mirror::commit_signal_test
