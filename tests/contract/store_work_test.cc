#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/contract/store_contract.h"
#include "tests/support/plan_and_commit.h"

// The writer lock between Begin() and Commit(): who else writes comes before it, and is seen, or behind it.

namespace mirror::store_work_test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr absl::StatusCode kInternal = absl::StatusCode::kInternal;
/// Long enough for another thread to stand before the lock; where it is not, the test says less.
constexpr std::chrono::milliseconds kStand{50};

class StoreWorkTest : public StoreContract {
 protected:
  std::unique_ptr<StoreWork> BeginWork() { return std::move(store_->Begin({})).value(); }
  static absl::StatusOr<CommitResult> Commit(const std::unique_ptr<StoreWork>& work, const Plan& plan) {
    return work->Commit(plan, Savepoints::kWhereNeeded);
  }
  /// `people` at LSN 5.
  void CreateAtFive() {
    Create(People());
    Step mark = StepAt("people", 1);
    mark.record->position = Position{Lsn{5}, "line"};
    ASSERT_THAT(Run(mark).status, IsOk());
  }
  /// The batch that takes `people` to `lsn`, planned from what stands there.
  Plan ToLsn(std::int64_t lsn) {
    Step step = StepAt("people", Record("people").value().seq + 1);
    step.record->position = Position{Lsn{lsn}, "line"};
    return InCycle({step});
  }
};

TEST_P(StoreWorkTest, WhatWasChangedByHandBeforeIsWhatIsPlannedFrom) {
  CreateAtFive();
  backend_->SetLsnByHand("people", -1);

  const auto work = BeginWork();

  EXPECT_EQ(Record("people")->position, Position{});
  EXPECT_EQ(work->tenant(), Tenant());
  EXPECT_THAT(Commit(work, ToLsn(6)), IsOk());
  EXPECT_EQ(LsnOf("people"), Lsn{6});
}

TEST_P(StoreWorkTest, NobodyElseWritesUntilItIsOver) {
  CreateAtFive();
  const auto work = BeginWork();

  EXPECT_FALSE(backend_->TryLsnByHand("people", -1));

  EXPECT_EQ(LsnOf("people"), Lsn{5});
  ASSERT_THAT(Commit(work, ToLsn(6)), IsOk());
  EXPECT_EQ(LsnOf("people"), Lsn{6});
  EXPECT_TRUE(backend_->TryLsnByHand("people", -1));
  EXPECT_EQ(Record("people")->position, Position{});
}

TEST_P(StoreWorkTest, WhoWaitsForItComesBehindAndIsNotOverwritten) {
  CreateAtFive();
  auto work = BeginWork();
  const Plan plan = ToLsn(6);
  auto by_hand = std::async(std::launch::async, [&] { backend_->SetLsnByHand("people", -1); });
  std::this_thread::sleep_for(kStand);

  ASSERT_THAT(Commit(work, plan), IsOk());

  by_hand.get();
  EXPECT_EQ(Record("people")->position, Position{});
  EXPECT_THAT(store_->Commit(plan), StatusIs(kInternal)) << "made without the lock";
  EXPECT_EQ(Record("people")->position, Position{});
}

TEST_P(StoreWorkTest, AnotherServerWaitsAndPlansFromWhatTheFirstOneLeft) {
  CreateAtFive();
  const std::unique_ptr<Store> other = backend_->Open();
  auto work = BeginWork();
  const Plan plan = ToLsn(6);
  auto second = std::async(std::launch::async, [&]() -> absl::Status {
    return PlanAndCommit(*other,
                         [&](const TenantRecord& tenant) -> absl::StatusOr<std::optional<Plan>> {
                           EXPECT_TRUE(tenant.touched) << "the first one's commit";
                           Step step;
                           step.table = "people";
                           step.expected = other->records().ReadTable("people").value();
                           step.record = step.expected;
                           EXPECT_EQ(step.record->position.lsn, Lsn{6});
                           step.record->seq += 1;
                           step.record->position.lsn = Lsn{7};
                           return InCycle({step});
                         })
        .status();
  });
  std::this_thread::sleep_for(kStand);

  ASSERT_THAT(Commit(work, plan), IsOk());

  EXPECT_THAT(second.get(), IsOk());
  EXPECT_EQ(LsnOf("people"), Lsn{7});
}

TEST_P(StoreWorkTest, WhatFollowsIsDoneWithItOrIsLeftToACommitOfItsOwn) {
  CreateAtFive();
  int asked = 0;
  const auto first = [&](const TenantRecord&) { return std::optional(ToLsn(6)); };
  const auto second = [&](const CommitResult& done,
                          const TenantRecord& tenant) -> absl::StatusOr<std::optional<Plan>> {
    ++asked;
    EXPECT_THAT(done.steps, SizeIs(1));
    EXPECT_TRUE(tenant.touched) << "what the first plan wrote";
    EXPECT_EQ(LsnOf("people"), Lsn{6}) << "it is read in the transaction";
    Plan end;
    end.cycle = kCycle;
    end.tenant = tenant;
    end.tenant->active = false;
    end.tenant->completed_cycle = kCycle;
    return end;
  };
  const auto committed = CommitBoth(*store_, first, second);
  ASSERT_THAT(committed, IsOk());
  EXPECT_EQ(LsnOf("people"), Lsn{6});
  EXPECT_EQ((*committed)->result.followed, asked == 1);
  EXPECT_EQ(Tenant().active, asked == 0);
  EXPECT_EQ(Tenant().completed_cycle, asked == 0 ? 0 : kCycle);
}

TEST_P(StoreWorkTest, AWriteThatBeginsAgainPlansFromWhatIsThereThen) {
  CreateAtFive();
  Writing writing;
  ASSERT_TRUE(writing.Begin(*store_));
  writing.Leave(absl::UnavailableError("the store went away"));
  EXPECT_FALSE(writing.Begin(*store_)) << "it is over";
  EXPECT_THAT(writing.result(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_FALSE(writing.is_restarted());

  backend_->SetLsnByHand("people", -1);
  const std::unique_ptr<Store> other = backend_->Open();
  writing.Restart();
  EXPECT_TRUE(writing.is_restarted());
  ASSERT_TRUE(writing.Begin(*other));
  EXPECT_FALSE(writing.CanCommitTwo());
  EXPECT_EQ(Record("people")->position, Position{}) << "what somebody wrote in between";
  writing.Commit(std::optional(ToLsn(9)));
  EXPECT_FALSE(writing.Begin(*other));
  ASSERT_THAT(writing.result(), IsOk());
  ASSERT_TRUE(*writing.result());
  EXPECT_EQ(LsnOf("people"), Lsn{9});
}

TEST_P(StoreWorkTest, WhatFollowsAndFailsLeavesTheFirstAlone) {
  CreateAtFive();
  int planned = 0;
  const auto first = [&](const TenantRecord&) {
    ++planned;
    return std::optional(ToLsn(5 + planned));
  };
  const auto not_planned = [](const CommitResult&,
                              const TenantRecord&) -> absl::StatusOr<std::optional<Plan>> {
    return absl::NotFoundError("it cannot be planned");
  };
  auto committed = CommitBoth(*store_, first, not_planned);
  ASSERT_THAT(committed, IsOk());
  EXPECT_FALSE((*committed)->result.followed);
  EXPECT_EQ(LsnOf("people"), Lsn{5 + planned}) << "planned once more, where it was asked";
  EXPECT_TRUE(Tenant().active);

  const auto not_run = [](const CommitResult&,
                          const TenantRecord& tenant) -> absl::StatusOr<std::optional<Plan>> {
    Plan end;
    end.cycle = kCycle - 1;
    end.tenant = tenant;
    end.tenant->active = false;
    return end;
  };
  committed = CommitBoth(*store_, first, not_run);
  ASSERT_THAT(committed, IsOk());
  EXPECT_FALSE((*committed)->result.followed);
  EXPECT_EQ(LsnOf("people"), Lsn{5 + planned});
  EXPECT_TRUE(Tenant().active) << "nothing of it is left";

  const auto nothing = [](const CommitResult&, const TenantRecord&) -> absl::StatusOr<std::optional<Plan>> {
    return std::optional<Plan>();
  };
  const int before = planned;
  committed = CommitBoth(*store_, first, nothing);
  ASSERT_THAT(committed, IsOk());
  EXPECT_FALSE((*committed)->result.followed);
  EXPECT_EQ(planned, before + 1);
}

TEST_P(StoreWorkTest, OneIsBegunAtATime) {
  CreateAtFive();
  const auto work = BeginWork();
  EXPECT_FALSE(store_->Begin({}).ok());
  EXPECT_THAT(Commit(work, ToLsn(6)), IsOk());
}

TEST_P(StoreWorkTest, WhatIsLetGoOfLeavesNothingAndTheStoreGoesOn) {
  CreateAtFive();
  { const auto work = BeginWork(); }
  EXPECT_TRUE(backend_->TryLsnByHand("people", 4)) << "the lock is free";
  const auto nothing = PlanAndCommit(*store_, [](const TenantRecord&) { return std::optional<Plan>(); });
  ASSERT_THAT(nothing, IsOk());
  EXPECT_FALSE(*nothing);
  EXPECT_TRUE(backend_->TryLsnByHand("people", 5));
  const auto refused = PlanAndCommit(*store_, [](const TenantRecord&) -> absl::StatusOr<std::optional<Plan>> {
    return absl::NotFoundError("no such table");
  });
  EXPECT_THAT(refused.status(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("no such table")));
  EXPECT_TRUE(backend_->TryLsnByHand("people", 5));
  ASSERT_THAT(Insert(People(), {{1, "Ada", 36}}).status, IsOk());
  EXPECT_THAT(Visible(People()), SizeIs(1));
}

TEST_P(StoreWorkTest, ACommitThatFailsEndsItAndLeavesNothing) {
  CreateAtFive();
  const TestBatch made = MakeBatch(People(), {.rows = {{1, "Ada", 36}}});
  Plan plan = InCycle({StepAt("people", 2, {ApplyRows{made.schema.get(), &*made.batch, false, kCycle}})});
  plan.cycle = kCycle - 1;
  const auto work = BeginWork();

  EXPECT_THAT(Commit(work, plan), StatusIs(absl::StatusCode::kAborted));

  plan.cycle = kCycle;
  EXPECT_THAT(Commit(work, plan), StatusIs(kInternal)) << "it is over";
  EXPECT_THAT(Visible(People()), IsEmpty());
  EXPECT_TRUE(backend_->TryLsnByHand("people", 5));
}

TEST_P(StoreWorkTest, AStepThatFailsAloneIsPlannedAgainFromWhatStandsThereThen) {
  CreateAtFive();
  const TestBatch bad = MakeBatch(People(), {.operation = Operation::kUpdate, .rows = {{3, "x", 1}}});
  const auto failing = [&] {
    Plan plan = InCycle({StepAt("people", 2, {ApplyRows{bad.schema.get(), &*bad.batch, false, kCycle}})});
    plan.holds.push_back(Hold{.table = "people"});
    return plan;
  };
  auto work = BeginWork();
  const Plan first = failing();
  const auto result = Commit(work, first);
  ASSERT_THAT(result, IsOk());
  ASSERT_TRUE(result->again) << "where a savepoint has no price this test is another one";
  EXPECT_THAT(store_->records().ReadHolds(), IsOkAndHolds(IsEmpty()));
  // Now somebody comes in between.
  backend_->SetLsnByHand("people", -1);

  work = BeginWork();
  EXPECT_THAT(work->Commit(first, Savepoints::kAlways), StatusIs(kInternal));
  work = BeginWork();
  const auto again = work->Commit(failing(), Savepoints::kAlways);

  ASSERT_THAT(again, IsOk());
  EXPECT_FALSE(again->again);
  ASSERT_THAT(again->steps, SizeIs(1));
  EXPECT_THAT(again->steps[0].status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(store_->records().ReadHolds(), IsOkAndHolds(SizeIs(1))) << "the rest of the plan is done";
  EXPECT_EQ(Record("people")->position, Position{});
}

TEST_P(StoreWorkTest, APlannerIsAskedTwiceAtMostAndItsLastPlanCounts) {
  CreateAtFive();
  const TestBatch bad = MakeBatch(People(), {.operation = Operation::kUpdate, .rows = {{3, "x", 1}}});
  int asked = 0;
  const auto committed =
      PlanAndCommit(*store_, [&](const TenantRecord& tenant) -> absl::StatusOr<std::optional<Plan>> {
        EXPECT_EQ(tenant, Tenant());
        ++asked;
        Plan plan = InCycle({StepAt("people", 2, {ApplyRows{bad.schema.get(), &*bad.batch, false, kCycle}})});
        plan.tenant = tenant;
        plan.tenant->progress_ms = asked;
        return plan;
      });
  ASSERT_THAT(committed, IsOk());
  ASSERT_TRUE(*committed);
  EXPECT_THAT((*committed)->result.steps, SizeIs(1));
  EXPECT_THAT((*committed)->result.steps[0].status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_LE(asked, 2);
  EXPECT_EQ((*committed)->plan.tenant->progress_ms, asked);
  EXPECT_EQ(Tenant().progress_ms, asked);
}

TEST_P(StoreWorkTest, TheDataVersionTellsOfOthersWhoWrote) {
  CreateAtFive();
  const std::unique_ptr<Store> other = backend_->Open();
  const auto tells = [&](const std::string& what, const Plan& plan) {
    SCOPED_TRACE(what);
    const std::int64_t before = store_->ReadDataVersion().value();
    EXPECT_EQ(store_->ReadDataVersion().value(), before);
    ASSERT_THAT(other->Commit(plan), IsOk());
    const std::int64_t after = store_->ReadDataVersion().value();
    EXPECT_NE(after, before);
    ASSERT_THAT(store_->Commit(InCycle({})), IsOk());
    EXPECT_EQ(store_->ReadDataVersion().value(), after) << "what it wrote itself";
    const auto work = BeginWork();
    EXPECT_EQ(store_->ReadDataVersion().value(), after);
  };
  Plan plan = InCycle({});
  plan.holds.push_back(Hold{.table = "people"});
  tells("a hold", plan);
  plan = InCycle({});
  plan.answers = [](const auto&) { return std::vector<SchemaAnswer>{{"people", 1, ""}}; };
  tells("answers", plan);
  plan = InCycle({});
  plan.cycle_notes = {.changes = {.written = {{CycleNoteKind::kRefused, "people", 3}}}};
  tells("a note of the cycle", plan);
  plan = InCycle({});
  plan.index_changes.push_back({OwnIndex{"_mirror_index_1", "people"}, {IndexColumn{"age"}}});
  tells("an index", plan);
  TableSchema people = People();
  people.columns[1].length = 99;
  tells("a definition", InCycle({StepAt("people", 2, {AgreeSchema{people}})}));
}

TEST_P(StoreWorkTest, TheDataVersionTellsOfMetadataRowsThatWereChangedByHand) {
  if (Lacks(Capability::kVersionOfAll)) GTEST_SKIP() << ToString(Capability::kVersionOfAll);
  CreateAtFive();
  const std::int64_t before = store_->ReadDataVersion().value();
  EXPECT_EQ(store_->ReadDataVersion().value(), before);
  backend_->SetLsnByHand("people", 4);
  const std::int64_t after = store_->ReadDataVersion().value();
  EXPECT_NE(after, before);
  ASSERT_THAT(store_->Commit(InCycle({})), IsOk());
  EXPECT_EQ(store_->ReadDataVersion().value(), after) << "what it wrote itself";
  const auto work = BeginWork();
  EXPECT_EQ(store_->ReadDataVersion().value(), after);
}

INSTANTIATE_TEST_SUITE_P(EveryStore, StoreWorkTest, testing::ValuesIn(EveryBackend()), NameOfBackend);

}  // namespace
}  // namespace mirror::store_work_test
