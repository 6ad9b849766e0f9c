#include "client/read_ahead.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/status_matchers.h"

namespace mirror {
namespace {

ReadStep Piece(std::size_t job, std::uint64_t number, std::size_t bytes = 1) {
  return {job, ReadPart{0, number, 0, std::string(bytes, 'x')}};
}
std::uint64_t NumberOf(const ReadStep& step) { return std::get<ReadPart>(step.what).value_id; }

TEST(ReadAheadTest, KeepsTheOrderAndEndsBehindTheLastStep) {
  ReadAhead ahead;
  std::jthread reading([&] {
    for (std::uint64_t i = 0; i < 1'000; ++i) EXPECT_THAT(ahead.Push(Piece(i / 100, i)), IsOk());
    ahead.End();
  });
  for (std::uint64_t i = 0; i < 1'000; ++i) {
    const auto step = ahead.Pop();
    ASSERT_TRUE(step);
    EXPECT_EQ(NumberOf(*step), i);
    EXPECT_EQ(step->job, i / 100);
  }
  EXPECT_FALSE(ahead.Pop());
}

TEST(ReadAheadTest, AReaderWaitsAtTheMostBytesAndSteps) {
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{400}}) {
    ReadAhead ahead(1'000);
    const std::size_t steps_max = bytes == 1 ? ReadAhead::kStepsMax : 2;
    std::jthread reading([&] {
      for (std::uint64_t i = 0; i < 300; ++i) EXPECT_THAT(ahead.Push(Piece(0, i, bytes)), IsOk());
      ahead.End();
    });
    for (int i = 0; i < 300; ++i) {
      // It comes as far as it may, and no further.
      const std::size_t all = std::min<std::size_t>(steps_max, static_cast<std::size_t>(300 - i));
      while (ahead.waiting().steps < all) std::this_thread::yield();
      EXPECT_EQ(ahead.waiting().steps, all);
      EXPECT_EQ(ahead.waiting().bytes, all * bytes);
      ASSERT_TRUE(ahead.Pop());
    }
    EXPECT_FALSE(ahead.Pop());
  }
}

TEST(ReadAheadTest, AStepThatIsTooHeavyWaitsAlone) {
  ReadAhead ahead(1'000);
  std::jthread reading([&] {
    for (std::uint64_t i = 0; i < 3; ++i) EXPECT_THAT(ahead.Push(Piece(0, i, 5'000)), IsOk());
    ahead.End();
  });
  for (int i = 0; i < 3; ++i) {
    while (ahead.waiting().steps == 0) std::this_thread::yield();
    EXPECT_EQ(ahead.waiting().steps, 1U);
    ASSERT_TRUE(ahead.Pop());
  }
  EXPECT_FALSE(ahead.Pop());
}

TEST(ReadAheadTest, WithoutBytesNothingIsReadBeforeTheFormerStepWasSent) {
  ReadAhead ahead(0);
  std::atomic<int> pushed = 0;
  std::jthread reading([&] {
    for (std::uint64_t i = 0; i < 100; ++i) {
      EXPECT_THAT(ahead.Push(Piece(0, i)), IsOk());
      ++pushed;
    }
    ahead.End();
  });
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(ahead.Pop());
    EXPECT_EQ(pushed, i);  // It waits for the next Pop().
  }
  EXPECT_FALSE(ahead.Pop());
}

TEST(ReadAheadTest, AnAbandonedJobLeavesTheOthers) {
  ReadAhead ahead(1'000);
  absl::Status refused;
  std::jthread reading([&] {
    EXPECT_THAT(ahead.Push(Piece(0, 0, 400)), IsOk());
    while (refused.ok()) refused = ahead.Push(Piece(1, 1, 400));
    EXPECT_THAT(ahead.Push(Piece(1, 1)), StatusIs(absl::StatusCode::kCancelled));
    EXPECT_THAT(ahead.Push(Piece(2, 2)), IsOk());
    ahead.End();
  });
  while (ahead.waiting().steps < 2) std::this_thread::yield();
  ahead.Abandon(1);
  EXPECT_EQ(NumberOf(*ahead.Pop()), 0U);
  EXPECT_EQ(NumberOf(*ahead.Pop()), 2U);
  EXPECT_FALSE(ahead.Pop());
  reading.join();
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kCancelled));
}

TEST(ReadAheadTest, ClosingEndsAReaderThatWaits) {
  for (const std::size_t bytes_max : {std::size_t{0}, std::size_t{1}}) {
    ReadAhead ahead(bytes_max);
    absl::Status status;
    std::jthread reading([&] {
      while (status.ok()) status = ahead.Push(Piece(0, 0));
    });
    while (ahead.waiting().steps == 0) std::this_thread::yield();
    ahead.Close();
    reading.join();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kCancelled));
    EXPECT_TRUE(ahead.closed());
    EXPECT_FALSE(ahead.Pop());
  }
}

}  // namespace
}  // namespace mirror
