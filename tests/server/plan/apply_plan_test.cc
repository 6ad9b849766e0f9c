#include "server/plan/apply_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror::apply_plan_test {
namespace {

using testing::HasSubstr;
using testing::SizeIs;
using Verdict = BatchPlan::Verdict;

constexpr std::int64_t kCycle = 100;
constexpr absl::StatusCode kFailedPrecondition = absl::StatusCode::kFailedPrecondition;
const Position kTarget{Lsn{20}, "new"};

/// A table at LSN 5 that an earlier cycle left.
TableRecord Quiet() {
  TableRecord record;
  record.table = "people";
  record.schema_hash = "hash";
  record.position = Position{Lsn{5}, "line"};
  record.seq = 7;
  record.cycle = kCycle - 1;
  record.row_count = 3;
  return record;
}
/// The same after batch `seq` of this cycle.
TableRecord Running(std::uint64_t seq) {
  TableRecord record = Quiet();
  record.cycle = kCycle;
  record.seq = seq;
  record.pending = kTarget;
  return record;
}
TableRecord Populating(std::uint64_t seq) {
  TableRecord record = Running(seq);
  record.position = Position{};
  record.state = TableState::kPopulating;
  return record;
}

struct Sent {
  std::uint64_t seq = 1;
  std::int64_t base_lsn = 5;
  bool populate = false;
  std::uint32_t rows = 1;
  std::optional<std::uint64_t> commit;  ///< `batches`.
};

ChangeBatch BatchOf(const Sent& sent) {
  ChangeBatch batch;
  batch.table = "people";
  batch.schema_hash = "hash";
  batch.seq = sent.seq;
  batch.base_lsn = Lsn{sent.base_lsn};
  batch.target = kTarget;
  batch.populate = sent.populate ? PopulateReason::kRequested : PopulateReason::kNone;
  batch.operation = Operation::kInsert;
  batch.row_count = sent.rows;
  if (sent.commit) batch.commit = CommitMark{*sent.commit, kTarget};
  return batch;
}

std::string ToString(const Step& step) {
  std::string text;
  for (const Action& action : step.actions) {
    if (std::holds_alternative<BeginShadow>(action)) text += "begin ";
    if (const auto* rows = std::get_if<ApplyRows>(&action))
      text += rows->into_shadow ? "shadow " : "visible ";
    if (std::holds_alternative<SwapShadow>(action)) text += "swap ";
  }
  if (!text.empty()) text.pop_back();
  return text;
}

struct Case {
  std::string name;
  std::optional<TableRecord> record;
  Sent sent;
  Verdict verdict;
  std::string words;  ///< kApply: the actions. Else part of the message.
};

TableRecord In(TableRecord record, TableState state) {
  record.state = state;
  return record;
}
TableRecord At(TableRecord record, std::int64_t lsn) {
  record.position = lsn < 0 ? Position{} : Position{Lsn{lsn}, "line"};
  return record;
}
TableRecord Committed(std::uint64_t seq) {
  TableRecord record = Running(seq);
  record.pending.reset();
  record.position = kTarget;
  return record;
}

std::vector<Case> Cases() {
  return {
      // What is applied.
      {"FirstBatch", Quiet(), {}, Verdict::kApply, "visible"},
      {"NextBatch", Running(1), {.seq = 2}, Verdict::kApply, "visible"},
      {"LastBatch", Running(2), {.seq = 3, .commit = 3}, Verdict::kApply, "visible"},
      {"OnlyBatch", Quiet(), {.commit = 1}, Verdict::kApply, "visible"},
      {"EmptyCommit", Quiet(), {.rows = 0, .commit = 1}, Verdict::kApply, ""},
      {"PopulationBegins", Quiet(), {.base_lsn = -1, .populate = true}, Verdict::kApply, "begin shadow"},
      {"PopulationOfATableThatHoldsNothing",
       At(Quiet(), -1),
       {.base_lsn = -1, .populate = true},
       Verdict::kApply,
       "begin shadow"},
      {"PopulationGoesOn", Populating(1), {.seq = 2, .base_lsn = -1}, Verdict::kApply, "shadow"},
      {"PopulationEnds",
       Populating(1),
       {.seq = 2, .base_lsn = -1, .rows = 0, .commit = 2},
       Verdict::kApply,
       "swap"},
      {"PopulationEndsWithRows",
       Populating(1),
       {.seq = 2, .base_lsn = -1, .commit = 2},
       Verdict::kApply,
       "shadow swap"},
      {"PopulationInOneBatch",
       Quiet(),
       {.base_lsn = -1, .populate = true, .commit = 1},
       Verdict::kApply,
       "begin shadow swap"},
      {"PopulationOfAnEmptyTable",
       Quiet(),
       {.base_lsn = -1, .populate = true, .rows = 0, .commit = 1},
       Verdict::kApply,
       "begin swap"},
      {"PopulationWithoutARowYet",
       Quiet(),
       {.base_lsn = -1, .populate = true, .rows = 0},
       Verdict::kApply,
       "begin"},
      {"PopulationAfterAnotherDefinition",
       At(In(Quiet(), TableState::kRepopulate), -1),
       {.base_lsn = -1, .populate = true},
       Verdict::kApply,
       "begin shadow"},
      {"PopulationAfterOneThatDied",
       At(In(Quiet(), TableState::kPopulating), -1),
       {.base_lsn = -1, .populate = true},
       Verdict::kApply,
       "begin shadow"},
      {"PopulationAfterAStop",
       At(In(Quiet(), TableState::kStopped), -1),
       {.base_lsn = -1, .populate = true},
       Verdict::kApply,
       "begin shadow"},
      // Order: applied seq, gap, base_lsn.
      {"RepeatedFirst", Running(1), {.seq = 1}, Verdict::kRepeated, ""},
      {"RepeatedOlder", Running(5), {.seq = 2}, Verdict::kRepeated, ""},
      {"RepeatedBeforeItsBaseIsLookedAt", Running(2), {.seq = 2, .base_lsn = 99}, Verdict::kRepeated, ""},
      {"RepeatedCommit", Committed(3), {.seq = 3, .commit = 3}, Verdict::kRepeated, ""},
      {"RepeatedBatchOfACommittedTable", Committed(3), {.seq = 2}, Verdict::kRepeated, ""},
      {"RepeatedPopulation", Populating(1), {.base_lsn = -1, .populate = true}, Verdict::kRepeated, ""},
      {"RepeatedCommitOfAPopulation",
       Committed(1),
       {.base_lsn = -1, .populate = true, .commit = 1},
       Verdict::kRepeated,
       ""},
      {"SeqOfAnEarlierCycleCountsNothing", Quiet(), {.seq = 7}, Verdict::kGap, "0 is the last"},
      {"Gap", Running(1), {.seq = 3}, Verdict::kGap, "Send from batch 2"},
      {"GapAtTheBeginning", Quiet(), {.seq = 2}, Verdict::kGap, "Send from batch 1"},
      {"GapBeforeItsBaseIsLookedAt", Running(1), {.seq = 3, .base_lsn = 99}, Verdict::kGap, ""},
      {"GapInAPopulation", Populating(1), {.seq = 3, .base_lsn = -1}, Verdict::kGap, ""},
      // Compare-and-set.
      {"BaseIsOlder", Quiet(), {.base_lsn = 4}, Verdict::kRefused, "holds LSN 5 and the batch begins at 4"},
      {"BaseIsNewer", Quiet(), {.base_lsn = 6}, Verdict::kRefused, "LSN 5"},
      {"BaseOfALaterBatch", Running(1), {.seq = 2, .base_lsn = 4}, Verdict::kRefused, "LSN 5"},
      {"MinusOneByHandBetweenBatches", At(Running(1), -1), {.seq = 2}, Verdict::kRefused, "LSN -1"},
      {"MinusOneByHandBeforeTheCommit",
       At(Running(1), -1),
       {.seq = 2, .rows = 0, .commit = 2},
       Verdict::kRefused,
       "LSN -1"},
      {"PopulationWithAnotherBase", Quiet(), {.base_lsn = 5, .populate = true}, Verdict::kRefused, "LSN -1"},
      {"CommitOfAnotherNumberOfBatches",
       Running(2),
       {.seq = 3, .commit = 4},
       Verdict::kRefused,
       "counts 4 batches"},
      {"CommitOfFewerBatches", Running(2), {.seq = 3, .commit = 2}, Verdict::kRefused, "counts 2 batches"},
      {"CommitOfNoBatches", Quiet(), {.commit = 0}, Verdict::kRefused, "counts 0 batches"},
      // What may not be filled in place.
      {"RowsOntoNothing", At(Quiet(), -1), {.base_lsn = -1}, Verdict::kRefused, "populate"},
      {"RowsOntoAnOlderDefinition",
       At(In(Quiet(), TableState::kRepopulate), -1),
       {.base_lsn = -1},
       Verdict::kRefused,
       "populate"},
      {"RowsOntoAnOlderDefinitionWithAnLsnByHand",
       In(Quiet(), TableState::kRepopulate),
       {},
       Verdict::kRefused,
       "populate"},
      {"RowsOntoAPopulationThatDied",
       At(In(Quiet(), TableState::kPopulating), -1),
       {.base_lsn = -1},
       Verdict::kRefused,
       "populate"},
      // Others.
      {"NoRecord", std::nullopt, {}, Verdict::kRefused, "metadata row is missing"},
      {"Stopped",
       At(In(Running(2), TableState::kStopped), -1),
       {.seq = 3, .base_lsn = -1},
       Verdict::kRefused,
       "no more batches in this cycle"},
      {"StoppedAndPopulatedInTheSameCycle",
       At(In(Running(0), TableState::kStopped), -1),
       {.base_lsn = -1, .populate = true},
       Verdict::kRefused,
       "no more batches in this cycle"},
      {"AfterItsCommit",
       Committed(3),
       {.seq = 4, .base_lsn = 20},
       Verdict::kRefused,
       "committed in this cycle"},
      {"AfterItsCommitInOneBatch",
       Committed(1),
       {.seq = 2, .base_lsn = 20, .commit = 2},
       Verdict::kRefused,
       "committed in this cycle"},
      {"PopulationAfterItsCommit",
       Committed(1),
       {.seq = 2, .base_lsn = -1, .populate = true},
       Verdict::kRefused,
       "committed in this cycle"},
  };
}

class PlanBatchCase : public testing::TestWithParam<Case> {};

TEST_P(PlanBatchCase, IsJudgedAsTheProtocolSays) {
  const Case& test = GetParam();
  const ChangeBatch batch = BatchOf(test.sent);

  const BatchPlan plan = PlanBatch(kCycle, test.record, People(), batch);

  ASSERT_EQ(plan.verdict, test.verdict) << plan.status;
  switch (plan.verdict) {
    case Verdict::kApply:
      EXPECT_EQ(ToString(plan.step), test.words);
      EXPECT_EQ(plan.step.expected, test.record) << "what the transaction compares";
      EXPECT_EQ(plan.step.record->seq, test.sent.seq);
      EXPECT_EQ(plan.step.record->cycle, kCycle);
      EXPECT_EQ(plan.step.record->schema_hash, "hash");
      break;
    case Verdict::kRepeated:
      EXPECT_THAT(plan.status, IsOk());
      break;
    case Verdict::kGap:
      EXPECT_THAT(plan.status, StatusIs(absl::StatusCode::kAborted, HasSubstr(test.words)));
      break;
    case Verdict::kRefused:
      EXPECT_THAT(plan.status, StatusIs(kFailedPrecondition, HasSubstr(test.words)));
      EXPECT_THAT(std::string(plan.status.message()), HasSubstr("'people'"));
  }
}

INSTANTIATE_TEST_SUITE_P(Protocol, PlanBatchCase, testing::ValuesIn(Cases()),
                         [](const auto& test) { return test.param.name; });

TEST(PlanBatch, TheFirstBatchKeepsItsTargetAsPending) {
  const BatchPlan plan = PlanBatch(kCycle, Quiet(), People(), BatchOf({}));
  EXPECT_EQ(plan.step.record->pending, kTarget);
  EXPECT_EQ(plan.step.record->position, Quiet().position) << "only the commit moves it";
}

TEST(PlanBatch, TheFirstBatchReplacesThePendingOfACycleThatDied) {
  TableRecord record = Quiet();
  record.pending = Position{Lsn{6}, "died"};
  EXPECT_EQ(PlanBatch(kCycle, record, People(), BatchOf({})).step.record->pending, kTarget);
}

TEST(PlanBatch, ALaterBatchMovesPendingOnlyWhenItCarriesATarget) {
  TableRecord record = Running(1);
  record.pending = Position{Lsn{33}, "first"};
  ChangeBatch batch = BatchOf({.seq = 2});
  EXPECT_EQ(PlanBatch(kCycle, record, People(), batch).step.record->pending, batch.target);
  batch.target = Position{};
  EXPECT_EQ(PlanBatch(kCycle, record, People(), batch).step.record->pending, record.pending);
}

TEST(PlanBatch, TheCommitMovesThePositionAndClearsPending) {
  for (const Sent& sent : {Sent{.commit = 1}, Sent{.base_lsn = -1, .populate = true, .commit = 1}}) {
    const BatchPlan plan = PlanBatch(kCycle, Quiet(), People(), BatchOf(sent));
    EXPECT_EQ(plan.step.record->position, kTarget);
    EXPECT_EQ(plan.step.record->pending, std::nullopt);
    EXPECT_EQ(plan.step.record->state, TableState::kMirrored);
  }
}

TEST(PlanBatch, APopulationTrustsNothingFromItsFirstBatchOn) {
  const BatchPlan plan = PlanBatch(kCycle, Quiet(), People(), BatchOf({.base_lsn = -1, .populate = true}));
  EXPECT_EQ(plan.step.record->position, Position{});
  EXPECT_EQ(plan.step.record->state, TableState::kPopulating);
  EXPECT_EQ(plan.step.record->pending, kTarget);
  const auto& begin = std::get<BeginShadow>(plan.step.actions.at(0));
  EXPECT_EQ(begin.cycle, kCycle);
  EXPECT_EQ(begin.schema, People());
}

TEST(PlanBatch, ARepeatedBatchOfAStoppedTableIsAcknowledged) {
  // The order of checks has the applied seq before all else.
  const TableRecord record = At(In(Running(2), TableState::kStopped), -1);
  EXPECT_EQ(PlanBatch(kCycle, record, People(), BatchOf({.seq = 2})).verdict, Verdict::kRepeated);
}

// --- Advance
// ------------------------------------------------------------------------------------------------

struct AdvanceCase {
  std::string name;
  std::optional<TableRecord> record;
  std::int64_t base_lsn = 5;
  Verdict verdict = Verdict::kRefused;
  std::string words;
};

TableRecord WithPending(TableRecord record) {
  record.pending = Position{Lsn{6}, "died"};
  return record;
}

std::vector<AdvanceCase> AdvanceCases() {
  return {
      {"QuietTable", Quiet(), 5, Verdict::kApply, ""},
      {"ToWhereItStands", At(Quiet(), 20), 20, Verdict::kApply, ""},
      {"Repeated", Committed(0), 5, Verdict::kRepeated, ""},
      {"CommittedByABatchOfThisCycle", Committed(2), 5, Verdict::kRepeated, ""},
      {"BaseDiffers", Quiet(), 4, Verdict::kRefused, "holds LSN 5"},
      {"MinusOne", At(Quiet(), -1), -1, Verdict::kRefused, "LSN"},
      {"MinusOneByHand", At(Quiet(), -1), 5, Verdict::kRefused, "LSN -1"},
      {"RowsOfThisCycleWithoutCommit", Running(2), 5, Verdict::kRefused, "cannot be advanced"},
      {"RowsOfACycleThatDied", WithPending(Quiet()), 5, Verdict::kRefused, "cannot be advanced"},
      {"Populating", Populating(1), -1, Verdict::kRefused, "LSN"},
      {"ToBePopulated", In(Quiet(), TableState::kRepopulate), 5, Verdict::kRefused, "cannot be advanced"},
      {"Stopped", At(In(Running(1), TableState::kStopped), -1), 5, Verdict::kRefused, "LSN"},
      {"NoRecord", std::nullopt, 5, Verdict::kRefused, "metadata row is missing"},
  };
}

class PlanAdvanceCase : public testing::TestWithParam<AdvanceCase> {};

TEST_P(PlanAdvanceCase, MovesOnlyWhatIsQuiet) {
  const AdvanceCase& test = GetParam();

  const BatchPlan plan = PlanAdvance(kCycle, test.record, "people", Lsn{test.base_lsn}, kTarget);

  ASSERT_EQ(plan.verdict, test.verdict) << plan.status;
  if (plan.verdict == Verdict::kApply) {
    EXPECT_EQ(plan.step.expected, test.record);
    EXPECT_EQ(plan.step.record->position, kTarget);
    EXPECT_EQ(plan.step.record->cycle, kCycle);
    EXPECT_EQ(plan.step.record->seq, 0U) << "batches of this cycle begin with 1";
    EXPECT_THAT(plan.step.actions, SizeIs(0));
  }
  if (plan.verdict == Verdict::kRefused) {
    EXPECT_THAT(plan.status, StatusIs(kFailedPrecondition, HasSubstr(test.words)));
  }
}

INSTANTIATE_TEST_SUITE_P(Protocol, PlanAdvanceCase, testing::ValuesIn(AdvanceCases()),
                         [](const auto& test) { return test.param.name; });

// --- Wipe, stop, invalidate
// ---------------------------------------------------------------------------------

TEST(PlanWipe, BeginsAPopulationWithoutARow) {
  const BatchPlan plan = PlanWipe(kCycle, Quiet(), People(), kTarget);

  ASSERT_EQ(plan.verdict, Verdict::kApply);
  EXPECT_EQ(ToString(plan.step), "begin");
  EXPECT_EQ(plan.step.record->position, Position{});
  EXPECT_EQ(plan.step.record->pending, kTarget);
  EXPECT_EQ(plan.step.record->seq, 1U);
}

TEST(PlanWipe, RepeatedIsAcknowledged) {
  EXPECT_EQ(PlanWipe(kCycle, Populating(1), People(), kTarget).verdict, Verdict::kRepeated);
}

TEST(PlanStop, TrustsNothingAndEndsTheTableForTheCycle) {
  const Step step = PlanStop(kCycle, Running(3));

  EXPECT_EQ(step.expected, Running(3));
  EXPECT_EQ(step.record->position, Position{});
  EXPECT_EQ(step.record->state, TableState::kStopped);
  EXPECT_EQ(step.record->cycle, kCycle);
  EXPECT_EQ(step.record->pending, kTarget) << "what was sent is still shown";
}

TEST(PlanStop, DoesNotCountBatchesOfAnEarlierCycle) {
  EXPECT_EQ(PlanStop(kCycle, Quiet()).record->seq, 0U);
  EXPECT_EQ(PlanStop(kCycle, Running(3)).record->seq, 3U);
}

TEST(PlanInvalidate, TakesThePositionAndNothingElse) {
  const Step step = PlanInvalidate(Running(3));

  TableRecord want = Running(3);
  want.position = Position{};
  EXPECT_EQ(step.record, want);
  EXPECT_EQ(step.expected, Running(3));
}

}  // namespace
}  // namespace mirror::apply_plan_test
