// What the running cycle has to remember is in the mirror's file: neither a server that closes it nor one
// that is started anew forgets a refusal.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/server/tenant/tenant_bench.h"

namespace mirror::cycle_notes_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr absl::StatusCode kAborted = absl::StatusCode::kAborted;
constexpr absl::StatusCode kFailedPrecondition = absl::StatusCode::kFailedPrecondition;

const Position kFive{Lsn{5}, "five"}, kNine{Lsn{9}, "nine"};

enum class Forgetting { kClosed, kRestarted };

class CycleNotes : public TenantBench, public testing::WithParamInterface<Forgetting> {
 protected:
  CycleNotes() : TenantBench(TenantOptions{.miss_window_ms = 3'600'000}) {}

  /// people stands at LSN 5, and a cycle runs in which batch 1 of it was refused: it updates a row that the
  /// mirror lacks.
  void RefuseABatch() {
    source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
    source_->Begin();
    ASSERT_THAT(source_->Announce({People()}), IsOk());
    const BatchOutcome refused = source_->Send(People(), {.operation = Operation::kUpdate,
                                                          .rows = {{7, 1}},
                                                          .columns = {"id", "age"},
                                                          .base_lsn = 5,
                                                          .target = kNine});
    ASSERT_THAT(refused.status, StatusIs(kFailedPrecondition));
  }
  /// Another tenant's cycle needs the place, or the server is started anew.
  void Forget() {
    if (GetParam() == Forgetting::kRestarted) return Restart();
    ASSERT_TRUE(tenant_->CloseIfIdle());
  }
  absl::Status Advance() {
    RowRequest request{.cycle = source_->cycle};
    request.advance = IncomingAdvance{kNine, {{"people", Lsn{5}}}};
    const auto outcomes = tenant_->Apply(source_->caller, request, false, source_->now);
    return outcomes.ok() ? outcomes->front().status : outcomes.status();
  }
};

TEST_P(CycleNotes, AnAdvanceNeverPassesOverARefusedBatch) {
  RefuseABatch();
  Forget();
  EXPECT_THAT(Advance(), StatusIs(kFailedPrecondition, HasSubstr("has batches of its own in this cycle")));
  EXPECT_EQ(Metadata("lsn"), Cell(5));
}

TEST_P(CycleNotes, AnAdvanceNeverPassesOverABatchThatCameTooEarly) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  const BatchSpec early{.rows = {{2, "Joan", 1}}, .seq = 2, .base_lsn = 5, .target = kNine};
  ASSERT_THAT(source_->Send(People(), early).status, StatusIs(kAborted));
  Forget();
  EXPECT_THAT(Advance(), StatusIs(kFailedPrecondition, HasSubstr("has batches of its own in this cycle")));
  EXPECT_EQ(Metadata("lsn"), Cell(5));
  ASSERT_THAT(source_->Send(People(), {.rows = {{3, "Mary", 1}}, .base_lsn = 5, .target = kNine}).status,
              IsOk());
  BatchSpec last = early;
  last.commit = kNine;
  ASSERT_THAT(source_->Send(People(), last).status, IsOk());
  EXPECT_THAT(Partner(path()).One("SELECT count(*) FROM _mirror_cycle_notes"), Cell(0));
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_THAT(catalog_.Messages("cycle.failed"), "");
}

TEST_P(CycleNotes, ARefusedBatchThatCameAgainIsForgotten) {
  RefuseABatch();
  Forget();
  ASSERT_THAT(
      source_->Send(People(), {.rows = {{7, "Joan", 1}}, .base_lsn = 5, .target = kNine, .commit = kNine})
          .status,
      IsOk());
  EXPECT_THAT(Partner(path()).One("SELECT count(*) FROM _mirror_cycle_notes"), Cell(0));
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_THAT(catalog_.Messages("cycle.failed"), "");
}

TEST_P(CycleNotes, BatchesBehindARefusedOneDoNotWaitForIt) {
  RefuseABatch();
  Forget();
  const auto outcomes = source_->Apply(
      MakeBatch(People(), {.rows = {{8, "x", 1}}, .seq = 2, .base_lsn = 5, .target = kNine}), true);
  ASSERT_THAT(outcomes, IsOk());
  EXPECT_THAT(outcomes->front().status, StatusIs(kAborted));
}

TEST_P(CycleNotes, ACycleWithARefusedBatchEndsAsAFailure) {
  RefuseABatch();
  Forget();
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_THAT(catalog_.Messages("cycle.failed"), HasSubstr("table 'people': "));
}

TEST_P(CycleNotes, TheNextCycleBeginsWithoutThem) {
  RefuseABatch();
  Forget();
  source_->now += 3'600'000;
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  EXPECT_THAT(Advance(), IsOk());
}

TEST_P(CycleNotes, AMissIsCountedWhereverTheCycleEnds) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  for (const std::int64_t lsn : {7, 8}) {
    EXPECT_FALSE(tenant_->Info()->record.paused);
    const Position position{Lsn{lsn}, "elsewhere " + std::to_string(lsn)};
    source_->Begin();
    ASSERT_THAT(source_->Announce({People()}), IsOk());
    ASSERT_THAT(source_
                    ->Send(People(), {.rows = {{1, "x", 1}},
                                      .populate = PopulateReason::kLineageMiss,
                                      .target = position,
                                      .commit = position})
                    .status,
                IsOk());
    Forget();
    ASSERT_THAT(source_->Complete(), IsOk());
  }
  EXPECT_TRUE(tenant_->Info()->record.paused);
}

INSTANTIATE_TEST_SUITE_P(Forgotten, CycleNotes, testing::Values(Forgetting::kClosed, Forgetting::kRestarted),
                         [](const auto& test) {
                           return test.param == Forgetting::kClosed ? "Closed" : "Restarted";
                         });

}  // namespace
}  // namespace mirror::cycle_notes_test
