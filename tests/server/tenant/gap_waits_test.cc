// Calls that wait for an earlier batch: what wakes them, and that nothing else makes them look.

#include "server/tenant/mirror/running_cycle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/server/tenant/tenant_bench.h"
#include "tests/support/forwarding_store.h"

namespace mirror::gap_waits_test {
namespace {

using std::chrono::steady_clock;

constexpr absl::StatusCode kAborted = absl::StatusCode::kAborted;
constexpr auto kLong = std::chrono::seconds(60);

const Position kFive{Lsn{5}, "five"}, kTen{Lsn{10}, "ten"};

TEST(GapWaitsTest, WhatWasToldBetweenTheLookAndTheWaitIsNotMissed) {
  GapWaits gaps;
  const std::uint64_t seen = gaps.changes();
  gaps.Tell({"other"});
  const auto begun = steady_clock::now();
  gaps.WaitUntil({"people"}, seen, begun + kLong);
  EXPECT_LT(steady_clock::now() - begun, kLong);
}

TEST(GapWaitsTest, ACallWakesForItsOwnTableAndForTheCycle) {
  for (const bool all : {false, true}) {
    GapWaits gaps;
    const std::uint64_t seen = gaps.changes();
    const auto begun = steady_clock::now();
    std::atomic<bool> woken = false;
    std::thread waiting([&] {
      gaps.WaitUntil({"people", "pets"}, seen, begun + kLong);
      woken = true;
    });
    // Until it is found to wait; had it not begun, it would return at once, which is right, too.
    while (!woken) {
      if (all) {
        gaps.TellAll();
      } else {
        gaps.Tell({"pets"});
      }
      std::this_thread::yield();
    }
    waiting.join();
    EXPECT_LT(steady_clock::now() - begun, kLong);
  }
}

/// Counts how often the tenant looks for what may have changed.
class CountingStore final : public ForwardingStore {
 public:
  CountingStore(std::unique_ptr<Store> store, std::atomic<int>& looks)
      : ForwardingStore(std::move(store)), looks_(looks) {}
  absl::StatusOr<std::int64_t> ReadDataVersion() override {
    ++looks_;
    return ForwardingStore::ReadDataVersion();
  }

 private:
  std::atomic<int>& looks_;
};

class GapTest : public TenantBench {
 protected:
  explicit GapTest(std::int64_t gap_wait_ms = 60'000) : TenantBench({.gap_wait_ms = gap_wait_ms}) {
    wrap_ = [this](std::unique_ptr<Store> store) {
      return std::make_unique<CountingStore>(std::move(store), looks_);
    };
  }
  ~GapTest() override { EXPECT_LT(steady_clock::now() - begun_, kLong) << "a call waited for nothing"; }

  /// `people` at LSN 5, announced in a cycle that runs.
  void BeginAtFive() {
    source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
    source_->Begin();
    ASSERT_THAT(source_->Announce({People()}), IsOk());
    looks_ = 0;
  }
  static TestBatch Batch(std::uint64_t seq, const char* table = "people") {
    return MakeBatch(
        People(table),
        {.rows = {{1, "x", static_cast<std::int64_t>(seq)}}, .seq = seq, .base_lsn = 5, .target = kTen});
  }
  /// `act` comes when the call of batch 2 was found to have to wait. Gives what that call is answered.
  absl::StatusOr<std::vector<BatchOutcome>> AnswerBehind(const std::function<void()>& act) {
    absl::StatusOr<std::vector<BatchOutcome>> answer = absl::UnknownError("");
    looks_ = 0;
    std::thread waiting([&] { answer = source_->Apply(Batch(2), /*wait=*/true); });
    while (looks_ == 0) std::this_thread::yield();
    act();
    waiting.join();
    return answer;
  }

  std::atomic<int> looks_ = 0;
  const steady_clock::time_point begun_ = steady_clock::now();
};

class ShortGapTest : public GapTest {
 protected:
  ShortGapTest() : GapTest(600) {}
};

TEST_F(ShortGapTest, ManyCallsThatWaitDoNotKeepEachOtherLooking) {
  BeginAtFive();
  constexpr int kCalls = 30;
  std::vector<std::thread> threads;
  for (int i = 0; i < kCalls; ++i) {
    threads.emplace_back([&, i] {
      const auto outcomes = source_->Apply(Batch(static_cast<std::uint64_t>(5 + i)), /*wait=*/true);
      ASSERT_THAT(outcomes, IsOk());
      EXPECT_THAT((*outcomes)[0].status, StatusIs(kAborted));
    });
  }
  for (std::thread& thread : threads) thread.join();
  // Once when it comes, and once when its time is over; a look in a group, and a plan under the lock, are
  // two.
  EXPECT_LE(looks_, 4 * kCalls);
}

TEST_F(GapTest, TheBatchBeforeItWakesACall) {
  BeginAtFive();
  const auto answer = AnswerBehind([&] { EXPECT_THAT(source_->Apply(Batch(1)), IsOk()); });
  ASSERT_THAT(answer, IsOk());
  EXPECT_THAT((*answer)[0].status, IsOk());
}

TEST_F(GapTest, BatchesOfAnotherTableWakeNoCall) {
  source_->Begin();
  ASSERT_THAT(source_->Announce({People(), People("pets")}), IsOk());
  source_->Populate(People(), {{1, "Ada", 36}}, kFive);
  source_->Populate(People("pets"), {{1, "Ada", 36}}, kFive);
  ASSERT_THAT(source_->Complete(), IsOk());
  source_->Begin();
  ASSERT_THAT(source_->Announce({People(), People("pets")}), IsOk());
  constexpr std::uint64_t kBatches = 20;
  const auto send = [&](std::uint64_t first) {
    looks_ = 0;
    for (std::uint64_t seq = first; seq < first + kBatches; ++seq) {
      const auto outcomes = source_->Apply(Batch(seq, "pets"));
      ASSERT_THAT(outcomes, IsOk());
      ASSERT_THAT((*outcomes)[0].status, IsOk());
    }
  };
  send(1);
  const int alone = looks_;
  int beside = 0;
  const auto answer = AnswerBehind([&] {
    send(1 + kBatches);
    beside = looks_;
    EXPECT_THAT(source_->Apply(Batch(1)), IsOk());
  });
  ASSERT_THAT(answer, IsOk());
  EXPECT_THAT((*answer)[0].status, IsOk());
  EXPECT_LE(beside, alone + 4) << "the call that waits looked again";
}

TEST_F(GapTest, AWipeWakesACall) {
  BeginAtFive();
  absl::StatusOr<std::vector<BatchOutcome>> answer = absl::UnknownError("");
  std::thread waiting([&] {
    answer =
        source_->Apply(MakeBatch(People(), {.rows = {{7, "x", 1}}, .seq = 2, .target = kTen, .commit = kTen}),
                       /*wait=*/true);
  });
  while (looks_ == 0) std::this_thread::yield();
  EXPECT_THAT(tenant_->Wipe(source_->caller, source_->cycle, "people", kTen, PopulateReason::kRequested,
                            source_->now),
              IsOk());
  waiting.join();
  ASSERT_THAT(answer, IsOk());
  EXPECT_THAT((*answer)[0].status, IsOk());
  EXPECT_EQ(Visible(People()).size(), 1U);
}

TEST_F(GapTest, AnotherCycleWakesACall) {
  BeginAtFive();
  EXPECT_THAT(AnswerBehind([&] {
                const std::int64_t before = source_->cycle;
                SourceCalls other(*tenant_, "ctx");
                other.now = source_->now;
                other.Begin("holder", /*take_over=*/true);
                EXPECT_GT(other.cycle, before);
              }),
              StatusIs(kAborted));
}

TEST_F(GapTest, AnOperatorWakesACall) {
  BeginAtFive();
  EXPECT_THAT(AnswerBehind([&] { EXPECT_THAT(tenant_->Pause("", source_->now), IsOk()); }),
              StatusIs(kAborted));
}

}  // namespace
}  // namespace mirror::gap_waits_test
