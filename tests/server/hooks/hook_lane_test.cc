#include "server/hooks/delivery/hook_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/hooks/delivery/bounded_calls.h"
#include "tests/server/tenant/tenant_bench.h"
#include "tests/support/processes.h"
#include "tests/support/sanitizers.h"

namespace mirror::hook_lane_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

/// Queues in memory, and a target that does what a test says.
class HookLaneTest : public testing::Test, public HookTarget {
 protected:
  void Begin(HookLaneOptions options = {}) {
    options.backoff = std::chrono::milliseconds(1);
    HookQueues queues;
    queues.first = [this](const std::string& queue) -> absl::StatusOr<std::optional<WaitingDelivery>> {
      const std::lock_guard lock(mutex_);
      if (queues_[queue].empty()) return std::optional<WaitingDelivery>();
      return queues_[queue].front();
    };
    queues.done = [this](const std::string& queue, std::int64_t id) -> absl::Status {
      const std::lock_guard lock(mutex_);
      std::erase_if(queues_[queue], [&](const WaitingDelivery& one) { return one.id == id; });
      changed_.notify_all();
      return absl::OkStatus();
    };
    lane_ = std::make_unique<HookLane>(HookSpec{"key", "reports", {kOnCompleted}, "*"},
                                       std::shared_ptr<HookTarget>(this, [](HookTarget*) {}), queues, events_,
                                       options);
  }
  void TearDown() override {
    {
      const std::lock_guard lock(mutex_);
      hold_.clear();
      changed_.notify_all();
    }
    lane_.reset();
  }

  void Put(const std::string& queue, const std::string& json) {
    {
      const std::lock_guard lock(mutex_);
      queues_[queue].push_back({++last_id_, {queue, kOnCompleted, 7, json}});
    }
    lane_->Wake(queue);
  }

  absl::StatusOr<std::string> Deliver(const HookDelivery& delivery, std::chrono::milliseconds /*timeout*/,
                                      const std::stop_token& stop) override {
    std::unique_lock lock(mutex_);
    told_.push_back(absl::StrCat(delivery.context_id, " ", delivery.json));
    changed_.notify_all();
    while (hold_.contains(delivery.context_id) && !stop.stop_requested()) {
      changed_.wait_for(lock, std::chrono::milliseconds(20));
    }
    int& failures = failures_[delivery.json];
    if (failures == 0) return std::string();
    --failures;
    return absl::AbortedError("the program ended with exit code 3");
  }

  /// Waits until `holds`.
  template <typename Condition>
  bool Until(Condition holds) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, holds);
  }
  bool UntilDone(const std::string& queue) {
    return Until([&] { return queues_[queue].empty(); });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::deque<WaitingDelivery>> queues_;
  std::int64_t last_id_ = 0;
  std::vector<std::string> told_;
  std::set<std::string> hold_;
  std::map<std::string, int> failures_;
  RememberingCatalog catalog_;
  Events events_{catalog_};
  std::unique_ptr<HookLane> lane_;
};

TEST_F(HookLaneTest, DeliversInOrderAndOnce) {
  Begin();
  for (const char* const json : {"1", "2", "3"}) Put("Cust1", json);
  ASSERT_TRUE(UntilDone("Cust1"));
  const std::lock_guard lock(mutex_);
  EXPECT_THAT(told_, ElementsAre("Cust1 1", "Cust1 2", "Cust1 3"));
}

TEST_F(HookLaneTest, ATenantWhoseHookHangsHoldsUpNoOther) {
  Begin();
  hold_.insert("Slow");
  Put("Slow", "1");
  ASSERT_TRUE(Until([&] { return told_.size() == 1; }));
  for (int i = 0; i < 5; ++i) Put("Quick", absl::StrCat(i));
  EXPECT_TRUE(UntilDone("Quick"));
}

TEST_F(HookLaneTest, WhatFailsIsTriedAgainBeforeTheNextAndToldOnce) {
  Begin();
  failures_["1"] = 3;
  Put("Cust1", "1");
  Put("Cust1", "2");
  ASSERT_TRUE(UntilDone("Cust1"));
  const std::lock_guard lock(mutex_);
  EXPECT_THAT(told_, ElementsAre("Cust1 1", "Cust1 1", "Cust1 1", "Cust1 1", "Cust1 2"));
  EXPECT_THAT(catalog_.Kinds(), ElementsAre("hook.failed"));
  EXPECT_THAT(catalog_.Messages("hook.failed"),
              AllOf(HasSubstr("hook 'reports' failed for 'completed' of cycle 7"), HasSubstr("exit code 3")));
}

TEST_F(HookLaneTest, WhatFailsAgainAndAgainIsGivenUpAndTheNextGoesOn) {
  HookLaneOptions options;
  options.give_up_after = std::chrono::milliseconds(50);
  Begin(options);
  failures_["1"] = 1'000;
  Put("Cust1", "1");
  Put("Cust1", "2");
  ASSERT_TRUE(UntilDone("Cust1"));
  lane_.reset();
  ASSERT_THAT(told_, SizeIs(testing::Gt(3U)));
  EXPECT_EQ(told_.back(), "Cust1 2");
  EXPECT_THAT(
      catalog_.Messages("hook.given_up"),
      AllOf(HasSubstr(absl::StrCat("After ", told_.size() - 1, " tries")), HasSubstr("Correct the hook")));
}

TEST_F(HookLaneTest, ANightOfFailuresIsNoReasonToGiveUp) {
  Begin();
  failures_["1"] = 10;
  Put("Cust1", "1");
  ASSERT_TRUE(UntilDone("Cust1"));
  lane_.reset();
  EXPECT_THAT(told_, SizeIs(11));
  EXPECT_EQ(catalog_.Messages("hook.given_up"), "");
  EXPECT_GE(HookLaneOptions{}.give_up_after, std::chrono::hours(24));
}

TEST_F(HookLaneTest, QueuesTakeTurnsHoweverMuchWaitsInOne) {
  Begin();
  // Both threads are held until all is there.
  hold_ = {"Held1", "Held2"};
  Put("Held1", "1");
  Put("Held2", "1");
  ASSERT_TRUE(Until([&] { return told_.size() == 2; }));
  for (int i = 0; i < 20; ++i) {
    Put("A", "1");
    Put("B", "1");
  }
  Put("Z", "1");
  {
    const std::lock_guard lock(mutex_);
    hold_ = {"Held2"};
    changed_.notify_all();
  }
  ASSERT_TRUE(UntilDone("A"));
  ASSERT_TRUE(UntilDone("B"));
  ASSERT_TRUE(UntilDone("Z"));
  const std::lock_guard lock(mutex_);
  const auto last = std::find(told_.begin(), told_.end(), "Z 1");
  EXPECT_LE(last - told_.begin(), 6) << "it waited for all of what stood before it by name";
}

TEST_F(HookLaneTest, AStopEndsWhatHangsAndItIsThereForTheNextStart) {
  Begin();
  hold_.insert("Slow");
  Put("Slow", "1");
  ASSERT_TRUE(Until([&] { return told_.size() == 1; }));
  lane_.reset();
  EXPECT_THAT(queues_["Slow"], SizeIs(1));
  hold_.clear();
  Begin();
  lane_->Wake("Slow");
  EXPECT_TRUE(UntilDone("Slow"));
}

TEST(BoundedCallsTest, GiveTheAnswerOrTheErrorOrWhatWasThrown) {
  BoundedCalls calls(2);
  EXPECT_THAT(calls.Call([] { return std::string("yes"); }, kPatience, {}), IsOkAndHolds("yes"));
  EXPECT_THAT(
      calls.Call([]() -> absl::StatusOr<std::string> { throw std::runtime_error("words"); }, kPatience, {}),
      StatusIs(absl::StatusCode::kInternal, HasSubstr("it threw: words")));
}

TEST(BoundedCallsTest, WithoutAThreadItIsAnErrorOfTheCallAlone) {
#if MIRROR_ADDRESS_SANITIZER || MIRROR_THREAD_SANITIZER
  GTEST_SKIP() << "a sanitizer needs the memory that is taken away here";
#endif
  // In a process of its own: such a limit counts for all threads of this one.
  const auto with_a_limit = [] {
    // Less than the stack of any thread.
    rlimit before{};
    getrlimit(RLIMIT_AS, &before);
    rlimit none = before;
    none.rlim_cur = 1;
    BoundedCalls calls(1);
    setrlimit(RLIMIT_AS, &none);
    const bool refused =
        absl::IsUnavailable(calls.Call([] { return std::string(); }, kPatience, {}).status());
    setrlimit(RLIMIT_AS, &before);
    const bool goes_on = calls.Call([] { return std::string("yes"); }, kPatience, {}).ok();
    std::_Exit(refused && goes_on ? 0 : 1);
  };
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(with_a_limit(), testing::ExitedWithCode(0), "");
}

TEST(BoundedCallsTest, AHangCostsItsThreadAndNobodyElse) {
  struct Gate {
    std::mutex mutex;
    std::condition_variable opened;
    bool open = false;
  };
  const auto gate = std::make_shared<Gate>();
  BoundedCalls calls(2);
  const auto hang = [gate]() -> absl::StatusOr<std::string> {
    std::unique_lock lock(gate->mutex);
    gate->opened.wait(lock, [&] { return gate->open; });
    return std::string();
  };
  const std::chrono::milliseconds soon(20);
  EXPECT_THAT(calls.Call(hang, soon, {}), StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("20 ms")));
  EXPECT_THAT(calls.Call([] { return std::string("yes"); }, kPatience, {}), IsOkAndHolds("yes"));
  EXPECT_THAT(calls.Call(hang, soon, {}), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(calls.Call([] { return std::string("yes"); }, kPatience, {}),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("all of its 2 threads")));
  const std::lock_guard lock(gate->mutex);
  gate->open = true;
  gate->opened.notify_all();
}

}  // namespace
}  // namespace mirror::hook_lane_test
