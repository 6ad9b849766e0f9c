// What a start knows of the server before.

#include "server/store/start_mark.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "proto/wire/refusal.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror::start_mark_test {
namespace {

constexpr std::int64_t kNow = 1'700'000'000'000, kHourMs = 3'600'000;

class StartMarkTest : public testing::Test {
 protected:
  std::unique_ptr<StartMark> Open(std::int64_t now_ms, std::int64_t boot = 1) {
    absl::StatusOr<std::unique_ptr<StartMark>> mark = StartMark::Open(folder_.path(), now_ms, boot);
    EXPECT_THAT(mark.status(), IsOk());
    return mark.ok() ? *std::move(mark) : nullptr;
  }
  /// A server that is killed, or whose machine is: what it wrote is there, and its end is not.
  void Kill(std::unique_ptr<StartMark> mark) {
    std::filesystem::copy_file(path_, path_ + ".kept");
    mark.reset();
    std::filesystem::rename(path_ + ".kept", path_);
  }

  /// The first second in which a token is new.
  static std::int64_t NewFrom(const StartMark& mark) {
    const auto told = mark.CheckToken(1).GetPayload(kNewTokenPayload);
    std::int64_t from = 0;
    EXPECT_TRUE(told && absl::SimpleAtoi(std::string(*told), &from));
    EXPECT_FALSE(mark.CheckToken(from - 1).ok());
    EXPECT_THAT(mark.CheckToken(from), IsOk());
    return from;
  }

  const ScratchFolder folder_;
  const std::string path_ = folder_.path() + "/server-start";
};

TEST_F(StartMarkTest, TheFirstStartKnowsAll) {
  const auto mark = Open(kNow);
  EXPECT_EQ(mark->cycles_given(), 0);
  EXPECT_THAT(mark->CheckToken(1), IsOk());
  EXPECT_FALSE(std::filesystem::exists(path_)) << "nothing was begun";
}

TEST_F(StartMarkTest, AfterAServerThatEndedWellToo) {
  auto mark = Open(kNow);
  EXPECT_TRUE(mark->Covers(kNow, kNow));
  mark.reset();
  mark = Open(kNow + 1);
  EXPECT_EQ(mark->cycles_given(), 0);
  EXPECT_THAT(mark->CheckToken(1), IsOk());
}

TEST_F(StartMarkTest, AfterAnotherNoNumberThatWasCoveredIsFree) {
  auto mark = Open(kNow);
  std::int64_t last = 0;
  for (std::int64_t number = kNow; number < kNow + 3 * StartMark::kAheadMs; number += 500) {
    ASSERT_TRUE(mark->Covers(number, number));
    last = number;
  }
  Kill(std::move(mark));
  mark = Open(last + 60'000);
  EXPECT_GT(mark->cycles_given(), last);
  EXPECT_LE(mark->cycles_given(), last + StartMark::kAheadMs);
  EXPECT_EQ(NewFrom(*mark), (last + 60'000) / 1'000);
}

TEST_F(StartMarkTest, TheFileIsWrittenOnceInAWhile) {
  const auto mark = Open(kNow);
  ASSERT_TRUE(mark->Covers(kNow, kNow));
  const auto written = std::filesystem::last_write_time(path_);
  std::filesystem::last_write_time(path_, written - std::chrono::hours(1));
  for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(mark->Covers(kNow + i, kNow + i));
  EXPECT_EQ(std::filesystem::last_write_time(path_), written - std::chrono::hours(1));
  ASSERT_TRUE(mark->Covers(kNow + StartMark::kAheadMs, kNow + StartMark::kAheadMs));
  EXPECT_NE(std::filesystem::last_write_time(path_), written - std::chrono::hours(1));
}

TEST_F(StartMarkTest, WhatOneKillLeftIsKnownBehindServersThatEndedWell) {
  auto mark = Open(kNow);
  ASSERT_TRUE(mark->Covers(kNow, kNow));
  Kill(std::move(mark));
  mark = Open(kNow + 5'000);
  const std::int64_t given = mark->cycles_given();
  ASSERT_TRUE(mark->Covers(given + 1, given + 1));
  mark.reset();
  mark = Open(kNow + 6'000);
  EXPECT_EQ(mark->cycles_given(), given);
  EXPECT_EQ(NewFrom(*mark), kNow / 1'000 + 6) << "one of that second may have been used before the kill";
}

TEST_F(StartMarkTest, AStartThatBeginsNothingLeavesTheFileAsItIs) {
  auto mark = Open(kNow);
  ASSERT_TRUE(mark->Covers(kNow, kNow));
  Kill(std::move(mark));
  for (int i = 1; i < 50; ++i) Open(kNow + i);
  EXPECT_LE(Open(kNow + 100)->cycles_given(), kNow + StartMark::kAheadMs) << "starts alone move it on";
}

TEST_F(StartMarkTest, AClockThatWasSetBackMakesNoTokenNewThatMayBeForgotten) {
  auto mark = Open(kNow);
  ASSERT_TRUE(mark->Covers(kNow, kNow));
  Kill(std::move(mark));
  EXPECT_EQ(NewFrom(*Open(kNow - kHourMs, 2)), (kNow + StartMark::kAheadMs) / 1'000);
  EXPECT_EQ(NewFrom(*Open(kNow - kHourMs)), kNow / 1'000 + 1) << "the machine did not start anew";
}

TEST_F(StartMarkTest, OneThatWasAheadIsForgottenWhenItIsSetRight) {
  auto mark = Open(kNow);
  ASSERT_TRUE(mark->Covers(kNow + kHourMs, kNow + kHourMs));
  ASSERT_TRUE(mark->Covers(0, kNow + 1)) << "all is synced, and then noted";
  Kill(std::move(mark));
  mark = Open(kNow + 60'000, 2);
  EXPECT_EQ(NewFrom(*mark), (kNow + 60'000) / 1'000);
  EXPECT_GT(mark->cycles_given(), kNow + kHourMs) << "numbers of then may be given";
}

TEST_F(StartMarkTest, OrWhenAnOperatorSaysThatItIsRight) {
  auto mark = Open(kNow + kHourMs);
  ASSERT_TRUE(mark->Covers(0, kNow + kHourMs));
  Kill(std::move(mark));
  mark = Open(kNow, 2);
  ASSERT_FALSE(mark->CheckToken(kNow / 1'000).ok());
  mark->TakeClock(kNow + 1'000);
  EXPECT_EQ(NewFrom(*mark), (kNow + 1'000) / 1'000);
  ASSERT_TRUE(mark->Covers(0, kNow + 2'000));
  Kill(std::move(mark));
  EXPECT_EQ(NewFrom(*Open(kNow + 60'000, 3)), (kNow + 60'000) / 1'000) << "that was noted";
}

TEST_F(StartMarkTest, WhatAFurtherMirrorHasStaysCovered) {
  auto mark = Open(kNow);
  ASSERT_TRUE(mark->Covers(kNow + kHourMs, kNow));
  ASSERT_TRUE(mark->Covers(kNow, kNow + StartMark::kAheadMs)) << "another one's, a while later";
  Kill(std::move(mark));
  EXPECT_GT(Open(kNow + 60'000)->cycles_given(), kNow + kHourMs);
}

TEST_F(StartMarkTest, ManyThreadsAreCoveredAtATime) {
  const auto mark = Open(kNow);
  std::vector<std::thread> threads;
  std::atomic<int> uncovered = 0;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (std::int64_t now = kNow; now < kNow + 5 * StartMark::kAheadMs; now += 50) {
        if (!mark->Covers(now, now) || mark->cycles_given() != 0) ++uncovered;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(uncovered, 0);
}

TEST_F(StartMarkTest, NorDoesOneThatComesUpBehindWithTheMachine) {
  // Used when the note was old, and forgotten with the begin.
  const std::int64_t used_ms = kNow + StartMark::kAheadMs - 1;
  for (const std::int64_t boot : {0, 2}) {
    auto mark = Open(kNow);
    ASSERT_TRUE(mark->Covers(mark->cycles_given() + 1, kNow));
    Kill(std::move(mark));
    EXPECT_FALSE(Open(kNow + 3'000, boot)->CheckToken(used_ms / 1'000).ok());
    EXPECT_EQ(NewFrom(*Open(kNow + 60'001, boot)), (kNow + 61'000) / 1'000) << "a second is begun, not over";
    EXPECT_EQ(NewFrom(*Open(kNow + 3'000)), kNow / 1'000 + 4) << "within one boot the clock is right";
    std::filesystem::remove(path_);
  }
}

TEST_F(StartMarkTest, TheMachineIsKnown) {
  EXPECT_NE(BootOfMachine(), 0);
  EXPECT_EQ(BootOfMachine(), BootOfMachine());
}

TEST_F(StartMarkTest, StartsOneAfterTheOtherRefuseNoTokenThatIsNew) {
  for (std::int64_t now = kNow; now < kNow + 5'000; now += 1'000) {
    auto mark = Open(now);
    EXPECT_THAT(mark->CheckToken(now / 1'000 + 1), IsOk());
    EXPECT_LE(mark->takes_tokens_from_ms(), now + 1'000);
    ASSERT_TRUE(mark->Covers(mark->cycles_given() + 1, now));
    Kill(std::move(mark));
  }
}

TEST_F(StartMarkTest, BehindWhatWasNotedNothingWaitsInMemory) {
  auto mark = Open(kNow);
  ASSERT_TRUE(mark->Covers(kNow, kNow));
  Kill(std::move(mark));
  const std::int64_t later = kNow + StartMark::kAheadMs + 1'500;
  EXPECT_EQ(NewFrom(*Open(later)), later / 1'000);
}

TEST_F(StartMarkTest, AFileOfAnEarlierVersionForgotNothingWithinItsBoot) {
  std::ofstream(path_) << "cycles_through " << kNow + 1'000 << "\nnoted_ms " << kNow
                       << "\ntokens_used_before_s 0\nended 0\nboot 1\n";
  EXPECT_EQ(NewFrom(*Open(kNow + 500)), kNow / 1'000);
}

TEST_F(StartMarkTest, NoncesThatAreForgottenWhileItRunsMakeNoTokenNewAndStayKnown) {
  auto mark = Open(kNow);
  ASSERT_TRUE(mark->Covers(kNow, kNow));
  mark->ForgetNonces(kNow + 500);
  EXPECT_EQ(NewFrom(*mark), kNow / 1'000 + 1);
  EXPECT_THAT(mark->CheckToken(1).message(), testing::HasSubstr("because a mirror could not be written"));
  mark.reset();
  EXPECT_EQ(NewFrom(*Open(kNow + 600)), kNow / 1'000 + 1);
}

TEST_F(StartMarkTest, WhereTheFileCannotBeWrittenNothingIsCovered) {
  const auto mark = Open(kNow);
  std::filesystem::create_directory(path_);
  EXPECT_FALSE(mark->Covers(kNow, kNow));
  std::filesystem::remove(path_);
  EXPECT_TRUE(mark->Covers(kNow, kNow));
}

TEST_F(StartMarkTest, ADamagedFileIsOneOfAServerThatDidNotEndWell) {
  std::ofstream(path_) << "cycles_through 17000";
  const auto mark = Open(kNow);
  EXPECT_EQ(NewFrom(*mark), kNow / 1'000);
  EXPECT_EQ(mark->cycles_given(), kNow + StartMark::kAheadMs) << "as far as the clock says";
}

}  // namespace
}  // namespace mirror::start_mark_test
