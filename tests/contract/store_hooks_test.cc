// What waits for hooks: it is written with what it speaks of, or not at all.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/contract/store_contract.h"

namespace mirror::store_hooks_test {
namespace {

using testing::AllOf;
using testing::Field;
using testing::Optional;

class StoreHooks : public StoreContract {
 protected:
  /// A plan that does nothing but write down `count` things for `hook`.
  static Plan Noting(const std::string& hook, int count = 1) {
    Plan plan;
    plan.known_hooks = {"a", "b"};
    plan.hooks = [hook, count](const std::vector<StepResult>&) {
      std::vector<HookNote> notes;
      for (int i = 1; i <= count; ++i) notes.push_back({0, hook, "completed", 7, 5, absl::StrCat(i)});
      return notes;
    };
    return plan;
  }
  std::string First(const std::string& hook) {
    const auto note = store_->records().ReadHook(hook);
    EXPECT_THAT(note, IsOk());
    return note.ok() && *note ? (*note)->json : "none";
  }
  std::int64_t FirstId(const std::string& hook) { return (*store_->records().ReadHook(hook))->id; }
  void Remove(std::int64_t id) {
    Plan plan;
    plan.delivered_hooks = {id};
    EXPECT_THAT(store_->Commit(plan), IsOk());
  }
};

TEST_P(StoreHooks, NothingWaitsUntilItWasWritten) {
  EXPECT_EQ(First("a"), "none");
  ASSERT_THAT(store_->Commit(Noting("a")), IsOk());
  const auto note = store_->records().ReadHook("a");
  ASSERT_THAT(note, IsOk());
  EXPECT_THAT(*note, Optional(AllOf(Field(&HookNote::event, "completed"), Field(&HookNote::cycle, 7),
                                    Field(&HookNote::at_ms, 5), Field(&HookNote::json, "1"))));
  EXPECT_EQ(First("b"), "none");
}

TEST_P(StoreHooks, TheOldestIsFirstUntilItIsRemoved) {
  ASSERT_THAT(store_->Commit(Noting("a", 2)), IsOk());
  EXPECT_EQ(First("a"), "1");
  EXPECT_EQ(First("a"), "1");
  Remove(FirstId("a"));
  EXPECT_EQ(First("a"), "2");
  Remove(FirstId("a"));
  EXPECT_EQ(First("a"), "none");
  Remove(1'000);
}

TEST_P(StoreHooks, WhatIsRefusedWritesNothingDown) {
  Plan refused = Noting("a");
  refused.cycle = 123;
  EXPECT_THAT(store_->Commit(refused), StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(First("a"), "none");
}

TEST_P(StoreHooks, TooManyPushOutTheOldest) {
  ASSERT_THAT(store_->Commit(Noting("a", static_cast<int>(kHooksWaitingMax))), IsOk());
  const auto result = store_->Commit(Noting("b", 3));
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->hooks_dropped, 3U);
  EXPECT_EQ(First("a"), "4");
  EXPECT_EQ(First("b"), "1");
}

TEST_P(StoreHooks, WhatWaitsForAHookThatIsNotConfiguredAnyMoreGoesAfterADay) {
  Plan former = Noting("former");
  former.known_hooks = {"former"};
  ASSERT_THAT(store_->Commit(former), IsOk());
  Plan next = Noting("a");
  next.now_ms = 5 + kUnknownHookKeptMs;
  ASSERT_THAT(store_->Commit(next), IsOk());
  EXPECT_EQ(First("former"), "1") << "another server may be configured for it";
  next.now_ms += 1;
  ASSERT_THAT(store_->Commit(next), IsOk());
  EXPECT_EQ(First("former"), "none");
  EXPECT_EQ(First("a"), "1");
}

INSTANTIATE_TEST_SUITE_P(EveryStore, StoreHooks, testing::ValuesIn(EveryBackend()), NameOfBackend);

}  // namespace
}  // namespace mirror::store_hooks_test
