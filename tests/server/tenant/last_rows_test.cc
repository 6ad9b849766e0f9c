// A cycle's last rows, and its end in the same commit.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/server/tenant/tenant_bench.h"
#include "tests/support/forwarding_store.h"

namespace mirror::last_rows_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

constexpr absl::StatusCode kAborted = absl::StatusCode::kAborted;
constexpr absl::StatusCode kFailedPrecondition = absl::StatusCode::kFailedPrecondition;

const Position kFive{Lsn{5}, "five"}, kNine{Lsn{9}, "nine"};

/// Counts the commits, and lets what follows in one fail when it is told to.
class CountedStore final : public ForwardingStore {
 public:
  struct Seen {
    int commits = 0;
    bool fails = false;
  };
  CountedStore(std::unique_ptr<Store> store, Seen& seen) : ForwardingStore(std::move(store)), seen_(seen) {}

 protected:
  absl::StatusOr<CommitResult> CommitWork(StoreWork& work, const Plan& plan, Savepoints savepoints) override {
    ++seen_.commits;
    return work.Commit(plan, savepoints);
  }
  absl::StatusOr<CommitResult> CommitWorkBehind(StoreWork& work, const Plan& plan,
                                                Savepoints savepoints) override {
    if (!seen_.fails) {
      ++seen_.commits;
      return work.Commit(plan, savepoints);
    }
    Plan failing = plan;
    // As if another cycle had begun: it fails when it is run.
    if (failing.tenant) failing.cycle = 1;
    return work.Commit(failing, savepoints);
  }

 private:
  Seen& seen_;
};

class LastRows : public TenantBench {
 protected:
  LastRows() : TenantBench(TenantOptions{.miss_window_ms = 3'600'000}) {
    wrap_ = [this](std::unique_ptr<Store> store) {
      return std::make_unique<CountedStore>(std::move(store), seen_);
    };
  }

  /// people stands at LSN 5 with Ada, and a cycle runs.
  void BeginBehindOne() {
    source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
    source_->Begin();
    ASSERT_THAT(source_->Announce({People()}), IsOk());
    seen_.commits = 0;
  }
  Tenant::LastRows Last(const BatchSpec& spec, const Completion& completion = {}) {
    const TestBatch made = MakeBatch(People(), spec);
    RowRequest request{.cycle = source_->cycle};
    request.batches.push_back({made.schema->name, made.message_seq(), made.schema, made.batch});
    return tenant_->ApplyAndComplete(source_->caller, request, false, completion, source_->now);
  }
  static BatchSpec Joan(std::uint64_t seq = 1) {
    return {.rows = {{2, "Joan", 1}}, .seq = seq, .base_lsn = 5, .target = kNine, .commit = kNine};
  }
  static BatchSpec MissingRow() {
    return {.operation = Operation::kUpdate,
            .rows = {{7, 1}},
            .columns = {"id", "age"},
            .base_lsn = 5,
            .target = kNine};
  }
  Cell OfTenant(const std::string& column) const {
    return Partner(path()).One("SELECT " + column + " FROM _mirror_tenant");
  }

  CountedStore::Seen seen_;
};

TEST_F(LastRows, AreOneCommitWithTheEnd) {
  BeginBehindOne();
  const Tenant::LastRows last = Last(Joan(), {.tables = {{.table = "people", .inserts = 1, .row_count = 2}}});
  ASSERT_THAT(last.rows, IsOk());
  ASSERT_THAT(*last.rows, SizeIs(1));
  EXPECT_THAT(last.rows->front().status, IsOk());
  EXPECT_EQ(last.rows->front().applied_seq, 1U);
  EXPECT_EQ(last.rows->front().lsn, Lsn{9});
  EXPECT_TRUE(last.rows->front().durable);
  ASSERT_TRUE(last.verdicts);
  EXPECT_EQ(last.verdicts->front().comparison, Comparison::kEqual);
  EXPECT_EQ(seen_.commits, 1);
  EXPECT_EQ(Metadata("lsn"), Cell(9));
  EXPECT_EQ(OfTenant("completed_cycle"), Cell(source_->cycle));
  EXPECT_EQ(OfTenant("active"), Cell(0));
  EXPECT_THAT(catalog_.Messages("cycle.completed"), HasSubstr("1 table changed, 1 insert,"));
  EXPECT_EQ(tenant_->summary().completed_ms, source_->now);
  EXPECT_THAT(source_->Send(People(), Joan(2)).status, StatusIs(kAborted));
  // The answer was lost: the end alone is answered again.
  const auto again = source_->Complete({{.table = "people", .row_count = 2}});
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->front().comparison, Comparison::kEqual);
  source_->Begin();
  EXPECT_EQ(source_->Announced(People()).position, kNine);
}

TEST_F(LastRows, WithoutRowsItIsTheEndAlone) {
  BeginBehindOne();
  const Tenant::LastRows last =
      tenant_->ApplyAndComplete(source_->caller, {.cycle = source_->cycle}, false, {}, source_->now);
  EXPECT_THAT(last.rows, IsOk());
  EXPECT_TRUE(last.verdicts);
  EXPECT_EQ(OfTenant("completed_cycle"), Cell(source_->cycle));
}

TEST_F(LastRows, WhatDiffersIsTold) {
  BeginBehindOne();
  const Tenant::LastRows last = Last(Joan(), {.tables = {{.table = "people", .row_count = 3}}});
  ASSERT_TRUE(last.verdicts);
  EXPECT_EQ(last.verdicts->front().comparison, Comparison::kDiffers);
  EXPECT_THAT(catalog_.Messages("table.differs"), HasSubstr("people"));
  EXPECT_EQ(Partner(path()).One("SELECT equality FROM _mirror_checks"),
            Cell(static_cast<int>(Equality::kDiffers)));
}

TEST_F(LastRows, ASourceWhoseClockIsAheadIsNotFreshTomorrow) {
  BeginBehindOne();
  const Tenant::LastRows last = Last(Joan(), {.as_of = AllAsOf{source_->now + 86'400'000}});
  ASSERT_TRUE(last.verdicts);
  EXPECT_EQ(tenant_->summary().freshness.all_ms, source_->now);
}

TEST_F(LastRows, ARefusedBatchLeavesTheCycleRunning) {
  BeginBehindOne();
  const Tenant::LastRows last = Last(MissingRow());
  ASSERT_THAT(last.rows, IsOk());
  EXPECT_THAT(last.rows->front().status, StatusIs(kFailedPrecondition));
  EXPECT_FALSE(last.verdicts);
  EXPECT_EQ(OfTenant("active"), Cell(1));
  EXPECT_THAT(catalog_.Kinds(), testing::Not(testing::Contains("cycle.failed")));
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_THAT(catalog_.Messages("cycle.failed"), HasSubstr("people"));
}

TEST_F(LastRows, ABatchThatWasRefusedBeforeAndCameAgainIsNoFailure) {
  BeginBehindOne();
  EXPECT_THAT(source_->Send(People(), MissingRow()).status, StatusIs(kFailedPrecondition));
  const Tenant::LastRows last = Last(Joan());
  ASSERT_THAT(last.rows, IsOk());
  EXPECT_THAT(last.rows->front().status, IsOk());
  EXPECT_FALSE(last.verdicts) << "what is known of refusals is settled behind the commit";
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_EQ(catalog_.Messages("cycle.failed"), "");
}

TEST_F(LastRows, AnEndThatFailsLeavesTheRowsAndTheCycle) {
  BeginBehindOne();
  seen_.fails = true;
  const Tenant::LastRows last = Last(Joan());
  ASSERT_THAT(last.rows, IsOk());
  EXPECT_THAT(last.rows->front().status, IsOk());
  EXPECT_FALSE(last.verdicts);
  EXPECT_EQ(Metadata("lsn"), Cell(9));
  EXPECT_EQ(OfTenant("active"), Cell(1));
  EXPECT_EQ(Visible(People()), (Rows{{1, "Ada", 36}, {2, "Joan", 1}}));
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_EQ(OfTenant("completed_cycle"), Cell(source_->cycle));
}

TEST_F(LastRows, OfAnotherCycleAreRefusedWithoutAnEnd) {
  BeginBehindOne();
  const std::int64_t running = source_->cycle;
  source_->cycle = running - 1;
  EXPECT_THAT(Last(Joan()).rows, StatusIs(kAborted));
  EXPECT_FALSE(Last(Joan()).verdicts);
  EXPECT_EQ(OfTenant("active"), Cell(1));
  EXPECT_EQ(Metadata("lsn"), Cell(5));
}

TEST_F(LastRows, WakeTheHookThatIsToldOfTheEnd) {
  int woken = 0;
  const HookBook book({{"key", "hook", {kOnCompleted}, "*"}}, [&](const std::string&) { ++woken; });
  options_.hooks = &book;
  Restart();
  BeginBehindOne();
  woken = 0;
  ASSERT_TRUE(Last(Joan(), {.tables = {{.table = "people", .inserts = 1}}}).verdicts);
  EXPECT_GT(woken, 0);
  EXPECT_EQ(Partner(path()).One("SELECT count(*) FROM _mirror_hooks WHERE cycle = " +
                                std::to_string(source_->cycle)),
            Cell(1));
  tenant_.reset();
}

TEST_F(LastRows, AMirrorThatIsBeingBuiltIsEndedByACallOfItsOwn) {
  sqlite_.build_beside = true;
  Restart();
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  const Tenant::LastRows last = Last(
      {.rows = {{1, "Ada", 36}}, .populate = PopulateReason::kMinusOne, .target = kFive, .commit = kFive});
  ASSERT_THAT(last.rows, IsOk());
  EXPECT_THAT(last.rows->front().status, IsOk());
  EXPECT_FALSE(last.verdicts);
  EXPECT_FALSE(std::filesystem::exists(path()));
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_EQ(Visible(People()), (Rows{{1, "Ada", 36}}));
}

}  // namespace
}  // namespace mirror::last_rows_test
