// Which commits of a population are on disk when they are answered.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/server/tenant/tenant_bench.h"
#include "tests/support/forwarding_store.h"

namespace mirror::population_commits_test {
namespace {

using testing::ElementsAre;

const Position kFive{Lsn{5}, "five"}, kNine{Lsn{9}, "nine"};

/// Notes when each commit is to be on disk.
class NotedStore final : public ForwardingStore {
 public:
  NotedStore(std::unique_ptr<Store> store, std::vector<Kept>& kept)
      : ForwardingStore(std::move(store)), kept_(kept) {}

 protected:
  absl::StatusOr<CommitResult> CommitWork(StoreWork& work, const Plan& plan, Savepoints savepoints) override {
    kept_.push_back(plan.kept);
    return work.Commit(plan, savepoints);
  }

 private:
  std::vector<Kept>& kept_;
};

class PopulationCommits : public TenantBench {
 protected:
  PopulationCommits() {
    wrap_ = [this](std::unique_ptr<Store> store) {
      return std::make_unique<NotedStore>(std::move(store), kept_);
    };
  }
  void SetUp() override {
    source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
    source_->Begin();
    ASSERT_THAT(source_->Announce({People(), Pairs()}), IsOk());
    kept_.clear();
  }

  BatchOutcome Send(std::uint64_t seq, const Rows& rows, std::optional<Position> commit = std::nullopt) {
    return source_->Send(People(), {.rows = rows,
                                    .seq = seq,
                                    .populate = seq == 1 ? PopulateReason::kRequested : PopulateReason::kNone,
                                    .target = kNine,
                                    .commit = commit});
  }

  std::vector<Kept> kept_;
};

TEST_F(PopulationCommits, ItsBeginAndItsEndAreOnDiskAndRowsBetweenThemWithTheEnd) {
  const BatchOutcome first = Send(1, {{1, "Ada", 36}});
  const BatchOutcome second = Send(2, {{2, "Grace", 40}});
  const BatchOutcome third = Send(3, {{3, "Edsger", 50}});
  const BatchOutcome last = Send(4, {{4, "Barbara", 60}}, kNine);

  for (const BatchOutcome& outcome : {first, second, third, last}) ASSERT_THAT(outcome.status, IsOk());
  EXPECT_THAT(kept_, ElementsAre(Kept::kNow, Kept::kWithNext, Kept::kWithNext, Kept::kNow));
  EXPECT_FALSE(first.durable);
  EXPECT_FALSE(second.durable);
  EXPECT_FALSE(third.durable);
  EXPECT_TRUE(last.durable) << "all before it, too";
  EXPECT_EQ(Visible(People()).size(), 4U);
}

TEST_F(PopulationCommits, WhatIsRepeatedSaysWhetherItIsOnDiskByNow) {
  Send(1, {{1, "Ada", 36}});
  Send(2, {{2, "Grace", 40}});
  const BatchOutcome early = Send(2, {{2, "Grace", 40}});
  EXPECT_TRUE(early.repeated);
  EXPECT_FALSE(early.durable);
  Send(3, {{3, "Edsger", 50}}, kNine);
  const BatchOutcome late = Send(3, {{3, "Edsger", 50}}, kNine);
  EXPECT_TRUE(late.repeated);
  EXPECT_TRUE(late.durable);
}

TEST_F(PopulationCommits, ChangesOfATableInUseAreOnDisk) {
  const BatchOutcome changed =
      source_->Send(People(), {.rows = {{2, "Grace", 40}}, .base_lsn = 5, .target = kNine});
  ASSERT_THAT(changed.status, IsOk());
  EXPECT_THAT(kept_, ElementsAre(Kept::kNow));
  EXPECT_TRUE(changed.durable);
}

TEST_F(PopulationCommits, WhatElseIsInTheirCommitIsOnDiskWithThem) {
  Send(1, {{1, "Ada", 36}});
  kept_.clear();
  const TestBatch rows = MakeBatch(People(), {.rows = {{2, "Grace", 40}}, .seq = 2, .target = kNine});
  const TestBatch other =
      MakeBatch(Pairs(), {.rows = {{1, "a", "v"}}, .populate = PopulateReason::kRequested, .target = kNine});
  RowRequest request{.cycle = source_->cycle};
  for (const TestBatch& one : {rows, other}) {
    request.batches.push_back({one.schema->name, one.message_seq(), one.schema, one.batch});
  }
  const auto outcomes = tenant_->Apply(source_->caller, request, false, source_->now);
  ASSERT_THAT(outcomes, IsOk());
  EXPECT_THAT(kept_, ElementsAre(Kept::kNow)) << "the other table's population begins";
  EXPECT_FALSE((*outcomes)[0].durable);
  EXPECT_FALSE((*outcomes)[1].durable);
}

TEST_F(PopulationCommits, TheEndOfTheCycleIsOnDiskWithAllOfIt) {
  Send(1, {{1, "Ada", 36}});
  Send(2, {{2, "Grace", 40}});
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_EQ(kept_.back(), Kept::kNow);
  EXPECT_EQ(Visible(People()), (Rows{{1, "Ada", 36}})) << "a population without its end shows nothing";
}

}  // namespace
}  // namespace mirror::population_commits_test
