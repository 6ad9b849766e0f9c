#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/store/begin_work.h"
#include "tests/support/memory/scripted_transaction.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror::begin_work_test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::int64_t kCycle = 7;
constexpr std::int64_t kNow = 50'000;

const absl::Status& Refused() {
  static const absl::Status refused = absl::FailedPreconditionError("an object of the partner's");
  return refused;
}

class PlanRunnerTest : public testing::Test {
 protected:
  PlanRunnerTest() {
    script_.mirror.tenant.context_id = "ctx";
    script_.mirror.tenant.cycle = kCycle;
    script_.mirror.tenant.active = true;
    // Its sign of life is fresh, so that a plan that changes nothing writes nothing.
    script_.mirror.tenant.progress_ms = kNow;
    script_.mirror.tenant.touched = true;
  }

  /// As a store does: the verbs that were asked for, from the beginning of the transaction.
  absl::StatusOr<CommitResult> Run(const Plan& plan) {
    script_.verbs.clear();
    absl::StatusOr<CommitResult> result = RunOnce(plan, Savepoints::kWhereNeeded);
    return result.ok() && result->again ? RunOnce(plan, Savepoints::kAlways) : result;
  }
  absl::StatusOr<CommitResult> RunOnce(const Plan& plan, Savepoints savepoints) {
    const absl::StatusOr<std::unique_ptr<StoreWork>> work = BeginWork(script_, {});
    if (!work.ok()) return work.status();
    EXPECT_EQ((*work)->tenant(), script_.mirror.tenant);
    absl::StatusOr<CommitResult> result = (*work)->Commit(plan, savepoints);
    EXPECT_THAT((*work)->Commit(plan, savepoints), StatusIs(absl::StatusCode::kInternal)) << "it was over";
    return result;
  }

  static Plan InCycle(std::vector<Step> steps) {
    Plan plan;
    plan.cycle = kCycle;
    plan.now_ms = kNow;
    plan.steps = std::move(steps);
    return plan;
  }

  /// From what stands there to the next `seq`.
  Step StepOn(const std::string& table, std::vector<Action> actions = {}) {
    Step step;
    step.table = table;
    const auto found = script_.mirror.records.find(table);
    if (found != script_.mirror.records.end()) step.expected = found->second;
    step.record = step.expected.value_or(TableRecord{});
    step.record->table = table;
    step.record->seq += 1;
    step.actions = std::move(actions);
    return step;
  }

  /// The table is there, with its metadata row.
  void Make(const TableSchema& table) {
    Step step = StepOn(table.name, {CreateTable{table}, AgreeSchema{table}});
    ASSERT_THAT(Run(InCycle({step})), IsOk());
  }

  ApplyRows Batch(const TableSchema& table, const BatchSpec& spec, bool into_shadow = false) {
    batches_.push_back(MakeBatch(table, spec));
    EXPECT_THAT(batches_.back().batch, IsOk());
    return {batches_.back().schema.get(), &*batches_.back().batch, into_shadow, kCycle};
  }

  ScriptedTransaction script_;
  std::deque<TestBatch> batches_;
};

// --- The whole plan ---

TEST_F(PlanRunnerTest, AnEmptyPlanWritesNothing) {
  ASSERT_THAT(Run(InCycle({})), IsOk());
  EXPECT_THAT(script_.verbs, ElementsAre("Begin", "Commit"));
}

TEST_F(PlanRunnerTest, TheOrderOfAWholePlan) {
  Make(People());
  Plan plan = InCycle({StepOn("people")});
  plan.tenant = script_.mirror.tenant;
  plan.tenant->cycle = kCycle + 1;
  plan.nonce = Nonce{"n", kNow + 1};
  plan.forget_old_cycles = true;
  plan.drop_retired_before_ms = 5;
  plan.checks = {{.table = "people", .row_count = 3}};
  plan.settled_holds = {9};
  plan.holds = {Hold{.table = "people"}};
  plan.forget_losses_before_ms = 6;
  plan.targets = FreshnessTargets{};
  plan.all_as_of = AllAsOf{.source_ms = 4};
  plan.answers = [](const auto& steps) { return std::vector<SchemaAnswer>(steps.size()); };
  plan.cycle_notes.emplace();
  plan.hooks = [](const auto&) { return std::vector<HookNote>(2); };
  plan.delivered_hooks = {1};
  plan.source_objects = {{.table = "people"}};
  plan.index_changes = {{.index = {"_mirror_index_1", "people"}}};

  ASSERT_THAT(Run(plan), IsOk());

  EXPECT_THAT(
      script_.verbs,
      ElementsAre("Begin", "ForgetNonces 50000", "AddNonce n", "DropOldShadows 8", "ForgetCycleNotes 8",
                  "DropRetired 5", "WriteRecord people", "WriteChecks 1", "WriteRowCount people 3",
                  "RemoveHolds 1", "WriteHolds 1", "RemoveLossesBefore 6", "WriteTargets", "WriteTimes",
                  "WriteAnswers", "WriteCycleNotes 8", "AddHookNotes 2", "TrimHookNotes 1000",
                  "RemoveHookNotes 1", "WriteObjects 1", "ChangeIndexes 1", "WriteTenant", "Commit"));
}

TEST_F(PlanRunnerTest, ARefusalThatTheCycleRemembersWaitsForNoOtherCommit) {
  Make(People());
  Plan plan = InCycle({StepOn("people")});
  plan.kept = Kept::kWithNext;
  CycleNoteChanges& changes = plan.cycle_notes.emplace().changes;
  changes = {.forget_all = true, .written = {{CycleNoteKind::kUnannounced, "people"}}};
  ASSERT_THAT(Run(plan), IsOk());
  EXPECT_EQ(script_.last_kept, Kept::kWithNext);

  changes.written = {{.table = "people"}};
  plan.steps = {StepOn("people")};
  ASSERT_THAT(Run(plan), IsOk());
  EXPECT_EQ(script_.last_kept, Kept::kNow);
}

TEST_F(PlanRunnerTest, NothingIsWrittenForAnotherCycle) {
  Plan plan = InCycle({StepOn("people", {CreateTable{People()}})});
  plan.cycle = kCycle - 1;
  plan.nonce = Nonce{"n", kNow + 1};
  EXPECT_THAT(Run(plan), StatusIs(absl::StatusCode::kAborted,
                                  AllOf(HasSubstr("cycle 6 is over"), HasSubstr("cycle 7 took its place"))));
  EXPECT_THAT(script_.verbs, ElementsAre("Begin", "Rollback"));

  plan.cycle = kCycle;
  script_.mirror.tenant.active = false;
  EXPECT_THAT(Run(plan), StatusIs(absl::StatusCode::kAborted, HasSubstr("Begin a new cycle")));
  EXPECT_THAT(script_.verbs, ElementsAre("Begin", "Rollback"));
}

TEST_F(PlanRunnerTest, WhatIsNotCommittedIsTakenBack) {
  ASSERT_THAT(BeginWork(script_, {}), IsOk());
  EXPECT_THAT(script_.verbs, ElementsAre("Begin", "Rollback"));
  script_.verbs.clear();
  script_.failures["Begin"] = {absl::UnavailableError("busy")};
  EXPECT_THAT(BeginWork(script_, {}), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(script_.verbs, ElementsAre("Begin"));
}

TEST_F(PlanRunnerTest, AMetadataRowThatIsNotAsExpectedTakesThePlanBack) {
  Make(People());
  Step other = StepOn("people");
  other.expected->seq += 5;
  const auto result = Run(InCycle({StepOn("pairs", {CreateTable{Pairs()}}), other}));
  EXPECT_THAT(result, StatusIs(absl::StatusCode::kInternal, HasSubstr("Nothing was applied")));
  EXPECT_EQ(script_.verbs.back(), "Rollback");
  EXPECT_FALSE(script_.mirror.tables.contains("pairs"));
  // The number of rows follows the rows, and is nobody's to expect.
  Step counted = StepOn("people");
  counted.expected->row_count = 99;
  EXPECT_THAT(Run(InCycle({counted})), IsOk());
}

TEST_F(PlanRunnerTest, AnErrorOfAnyVerbBehindTheStepsTakesThePlanBack) {
  Make(People());
  Plan plan = InCycle({StepOn("people")});
  plan.targets = FreshnessTargets{};
  plan.answers = [](const auto&) { return std::vector<SchemaAnswer>(); };
  plan.index_changes = {{.index = {"_mirror_index_1", "people"}}};
  for (const char* const verb : {"WriteTargets", "WriteAnswers", "ChangeIndexes 1", "Commit"}) {
    SCOPED_TRACE(verb);
    script_.failures[verb] = {Refused()};
    const std::uint64_t seq = script_.mirror.records.at("people").seq;
    EXPECT_THAT(Run(plan), StatusIs(absl::StatusCode::kFailedPrecondition));
    EXPECT_EQ(script_.mirror.records.at("people").seq, seq);
    const auto at = std::find(script_.verbs.begin(), script_.verbs.end(), verb);
    EXPECT_THAT(std::vector<std::string>(at + 1, script_.verbs.end()),
                std::string(verb) == "Commit" ? testing::Matcher<std::vector<std::string>>(IsEmpty())
                                              : ElementsAre("Rollback"));
  }
}

// --- Nonces ---

TEST_F(PlanRunnerTest, ANonceIsGoodOnceAndOnlySoManyAreRemembered) {
  Plan plan;
  plan.now_ms = kNow;
  plan.nonce = Nonce{"n", kNow + 10, 1};
  ASSERT_THAT(Run(plan), IsOk());
  EXPECT_THAT(Run(plan), StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("used before")));
  EXPECT_THAT(script_.verbs, ElementsAre("Begin", "ForgetNonces 50000", "Rollback"));
  plan.nonce->value = "m";
  EXPECT_THAT(Run(plan), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("1 tokens")));
  // It is forgotten by the highest time ever seen.
  script_.mirror.tenant.clock_ms = kNow + 11;
  EXPECT_THAT(Run(plan), IsOk());
  EXPECT_THAT(script_.verbs, Contains("ForgetNonces 50011"));
}

// --- The savepoint rule ---

TEST_F(PlanRunnerTest, AStepAloneNeedsNoSavepointAndSeveralDo) {
  Make(People());
  Make(Pairs());
  ASSERT_THAT(Run(InCycle({StepOn("people")})), IsOk());
  EXPECT_THAT(script_.verbs, ElementsAre("Begin", "WriteRecord people", "Commit"));
  ASSERT_THAT(Run(InCycle({StepOn("people"), StepOn("pairs")})), IsOk());
  EXPECT_THAT(script_.verbs, ElementsAre("Begin", "SetSavepoint", "WriteRecord people", "ReleaseSavepoint",
                                         "SetSavepoint", "WriteRecord pairs", "ReleaseSavepoint", "Commit"));
}

TEST_F(PlanRunnerTest, SeveralStepsWithManyRowsNeedNoSavepointUntilOneFails) {
  Make(People());
  const auto rows = [](int count) {
    BatchSpec spec;
    for (int i = 0; i < count; ++i) spec.rows.push_back({i, "Ada", 36});
    return spec;
  };
  const BatchSpec many = rows(2'500);
  // Each on what the one before it leaves.
  std::vector<Step> steps = {StepOn("people", {Batch(People(), many)}),
                             StepOn("people", {Batch(People(), many)})};
  steps[1].expected = steps[0].record;
  ++steps[1].record->seq;
  ASSERT_THAT(Run(InCycle(steps)), IsOk());
  EXPECT_THAT(script_.verbs, Not(Contains("SetSavepoint")));

  steps.assign(6, StepOn("people", {Batch(People(), rows(500))}));
  for (std::size_t i = 1; i < steps.size(); ++i) {
    steps[i].expected = steps[i - 1].record;
    ++steps[i].record->seq;
  }
  ASSERT_THAT(Run(InCycle(steps)), IsOk());
  EXPECT_THAT(script_.verbs, Contains("SetSavepoint").Times(6)) << "many, and each of them small";

  steps = {StepOn("people", {Batch(People(), many)}), StepOn("pairs", {CreateTable{Pairs()}})};
  script_.failures["Create pairs"] = {Refused(), Refused()};
  const auto result = Run(InCycle(steps));
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->steps[0].status, IsOk());
  EXPECT_THAT(result->steps[1].status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(script_.verbs, Contains("Create pairs").Times(2));
  EXPECT_THAT(script_.verbs, Contains("Rollback"));
  EXPECT_THAT(script_.verbs, Contains("RollBackToSavepoint"));
  EXPECT_EQ(script_.verbs.back(), "Commit");
}

TEST_F(PlanRunnerTest, AStepThatFailsAloneIsDoneAgainBehindASavepointAndTheRestIsDone) {
  Plan plan = InCycle({StepOn("people", {CreateTable{People()}})});
  plan.settled_holds = {1};
  script_.failures["Create people"] = {Refused(), Refused()};
  const auto result = Run(plan);
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->steps.front().status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(script_.verbs, ElementsAre("Begin", "Create people", "Rollback", "Begin", "SetSavepoint",
                                         "Create people", "RollBackToSavepoint", "RemoveHolds 1", "Commit"));
}

TEST_F(PlanRunnerTest, AStepThatFailsAloneAsksForAnotherPlanAndLetsTheLockGo) {
  Make(People());
  script_.verbs.clear();
  script_.failures["Alter people"] = {Refused()};
  const auto result = RunOnce(InCycle({StepOn("people", {AlterTable{}})}), Savepoints::kWhereNeeded);
  ASSERT_THAT(result, IsOk());
  EXPECT_TRUE(result->again);
  EXPECT_THAT(result->steps, IsEmpty());
  EXPECT_THAT(script_.verbs, ElementsAre("Begin", "Alter people", "Rollback"));
}

TEST_F(PlanRunnerTest, WhatCannotBeBegunAnewIsTold) {
  script_.failures["Create people"] = {Refused()};
  script_.failures["Begin"] = {absl::OkStatus(), absl::UnavailableError("busy")};
  EXPECT_THAT(Run(InCycle({StepOn("people", {CreateTable{People()}})})),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(script_.verbs.back(), "Begin");
}

TEST_F(PlanRunnerTest, AStepThatIsLostOrCannotBeTakenBackTakesThePlanWithIt) {
  const Plan plan = InCycle({StepOn("people", {CreateTable{People()}}), StepOn("pairs")});
  for (const absl::Status& lost : {absl::UnavailableError("disk full"), absl::DataLossError("damaged")}) {
    script_.failures["Create people"] = {lost};
    EXPECT_EQ(Run(plan).status(), lost);
    EXPECT_THAT(script_.verbs,
                ElementsAre("Begin", "SetSavepoint", "Create people", "RollBackToSavepoint", "Rollback"));
  }
  for (const char* const verb : {"SetSavepoint", "RollBackToSavepoint", "ReleaseSavepoint"}) {
    SCOPED_TRACE(verb);
    script_.failures.clear();
    script_.failures[verb] = {absl::InternalError("no memory")};
    if (std::string(verb) == "RollBackToSavepoint") script_.failures["Create people"] = {Refused()};
    EXPECT_THAT(Run(plan), StatusIs(absl::StatusCode::kInternal));
    EXPECT_THAT(script_.verbs, Not(Contains("WriteRecord pairs")));
    EXPECT_EQ(script_.verbs.back(), "Rollback");
  }
}

TEST_F(PlanRunnerTest, WhatTheDatabaseTookBackItselfIsNotGoneOnWith) {
  script_.failures["Create people"] = {Refused()};
  script_.is_over = true;
  EXPECT_THAT(Run(InCycle({StepOn("people", {CreateTable{People()}}), StepOn("pairs")})),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(script_.verbs, ElementsAre("Begin", "SetSavepoint", "Create people", "Rollback"));
}

TEST_F(PlanRunnerTest, WhatMayBeTriedAgainIsTriedAgainAsAWhole) {
  Make(People());
  const Plan plans[] = {InCycle({StepOn("people", {AlterTable{}})}),
                        InCycle({StepOn("people", {AlterTable{}}), StepOn("pairs")})};
  script_.may_try_again = true;
  for (const Plan& plan : plans) {
    for (const char* const verb : {"Alter people", "WriteRecord people", "Commit"}) {
      SCOPED_TRACE(verb);
      script_.verbs.clear();
      script_.failures = {{verb, {absl::UnavailableError("deadlock")}}};
      const auto result = RunOnce(plan, Savepoints::kWhereNeeded);
      ASSERT_THAT(result, IsOk());
      EXPECT_TRUE(result->again);
      EXPECT_THAT(script_.verbs, Contains(verb));
      EXPECT_THAT(script_.mirror.records.at("people").seq, 1) << "nothing was done";
    }
  }
  // Twice at most.
  script_.failures = {{"Alter people", {absl::UnavailableError("deadlock")}}};
  EXPECT_THAT(RunOnce(plans[1], Savepoints::kAlways),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("deadlock")));
  EXPECT_THAT(script_.verbs, Not(Contains("SetSavepoint pairs")));
  EXPECT_EQ(script_.verbs.back(), "Rollback");
}

TEST_F(PlanRunnerTest, WhatMayBeTriedAgainIsNoReasonForTheAlternative) {
  Make(People());
  Make(Pairs());
  Step step = StepOn("people", {AlterTable{}});
  step.otherwise.push_back(StepOn("people"));
  script_.failures["Alter people"] = {Refused()};
  script_.may_try_again = true;
  script_.verbs.clear();
  const auto result = RunOnce(InCycle({step, StepOn("pairs")}), Savepoints::kWhereNeeded);
  ASSERT_THAT(result, IsOk());
  EXPECT_TRUE(result->again);
  EXPECT_THAT(script_.verbs,
              ElementsAre("Begin", "SetSavepoint", "Alter people", "RollBackToSavepoint", "Rollback"));
}

// --- Steps ---

TEST_F(PlanRunnerTest, TheAlternativeIsTriedOnceWithTheReason) {
  Make(People());
  Step step = StepOn("people", {AlterTable{}});
  step.otherwise.push_back(StepOn("people"));
  step.otherwise.front().record->state = TableState::kRepopulate;
  script_.failures["Alter people"] = {Refused(), Refused()};
  const auto result = Run(InCycle({step}));
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->steps.front().status, IsOk());
  EXPECT_TRUE(result->steps.front().otherwise);
  EXPECT_EQ(result->steps.front().reason, Refused().message());
  EXPECT_EQ(script_.mirror.records.at("people").state, TableState::kRepopulate);
  EXPECT_THAT(script_.verbs, ElementsAre("Begin", "Alter people", "Rollback", "Begin", "SetSavepoint",
                                         "Alter people", "RollBackToSavepoint", "SetSavepoint",
                                         "WriteRecord people", "ReleaseSavepoint", "Commit"));
}

TEST_F(PlanRunnerTest, WhatCanBeDoneLaterHasNoAlternativeAndTheRestIsDone) {
  Make(People());
  Make(Pairs());
  Step step = StepOn("people", {AlterTable{}});
  step.otherwise.push_back(StepOn("people"));
  step.otherwise.front().record->state = TableState::kRepopulate;
  script_.failures["Alter people"] = {absl::AbortedError("pg_dump reads it")};
  const std::uint64_t seq = script_.mirror.records.at("people").seq;
  const auto result = Run(InCycle({step, StepOn("pairs")}));
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->steps[0].status, StatusIs(absl::StatusCode::kAborted, HasSubstr("pg_dump")));
  EXPECT_FALSE(result->steps[0].otherwise);
  EXPECT_EQ(script_.mirror.records.at("people").seq, seq);
  EXPECT_EQ(script_.mirror.records.at("people").state, TableState::kMirrored);
  EXPECT_THAT(result->steps[1].status, IsOk());
}

TEST_F(PlanRunnerTest, WhatFollowsARefusedStepOfItsTableIsAbortedAndOtherTablesGoOn) {
  Make(People());
  Make(Pairs());
  Step first = StepOn("people", {AlterTable{}});
  Step second = StepOn("people");
  second.expected = first.record;
  script_.failures["Alter people"] = {Refused()};
  const auto result = Run(InCycle({first, second, StepOn("pairs")}));
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->steps[0].status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(result->steps[1].status,
              StatusIs(absl::StatusCode::kAborted, HasSubstr("Send again from the refused batch on")));
  EXPECT_THAT(result->steps[2].status, IsOk());
}

TEST_F(PlanRunnerTest, ActionsRunInOrderAndNoneBehindOneThatFails) {
  Make(People());
  script_.failures["Alter people"] = {Refused()};
  Step step = StepOn("people", {AgreeSchema{People()}, AlterTable{}, DropTable{}});
  step.settles_holds = true;
  step.source_ms = 3;
  ASSERT_THAT(Run(InCycle({step, StepOn("pairs", {CreateTable{Pairs()}})})), IsOk());
  EXPECT_THAT(script_.verbs,
              ElementsAre("Begin", "SetSavepoint", "Agree people", "Alter people", "RollBackToSavepoint",
                          "SetSavepoint", "Create pairs", "WriteTime pairs unknown", "WriteRecord pairs",
                          "ReleaseSavepoint", "Commit"));
}

TEST_F(PlanRunnerTest, WhatAStepSettlesComesBehindItsActions) {
  Make(People());
  Step step = StepOn("people", {AgreeSchema{People()}});
  step.settles_holds = true;
  step.loss = Loss{.cycle = kCycle, .planned = 3, .committed = true};
  step.accepted = true;
  step.source_ms = 3;
  ASSERT_THAT(Run(InCycle({step})), IsOk());
  EXPECT_THAT(script_.verbs, ElementsAre("Begin", "Agree people", "RemoveHoldsOn people", "AddLoss people 0",
                                         "MarkLossesCommitted people", "RemoveLosses people",
                                         "WriteTime people 3", "WriteRecord people", "Commit"));
}

TEST_F(PlanRunnerTest, AStepThatRestatesItsRecordWritesNothingAndTouchesNothing) {
  Make(People());
  script_.mirror.tenant.touched = false;
  Step step = StepOn("people");
  step.record = step.expected;
  ASSERT_THAT(Run(InCycle({step})), IsOk());
  EXPECT_THAT(script_.verbs, ElementsAre("Begin", "Commit"));
  step.record.reset();
  ASSERT_THAT(Run(InCycle({step})), IsOk());
  EXPECT_THAT(script_.verbs, ElementsAre("Begin", "RemoveRecord people", "Commit"));
}

// --- Rows ---

TEST_F(PlanRunnerTest, ABatchIsOneVerbAndTheNumberOfRowsFollows) {
  Make(People());
  Step step = StepOn("people", {Batch(People(), {.rows = {{1, "Ada", 36}, {2, "Joan", 20}}})});
  ASSERT_THAT(Run(InCycle({step})), IsOk());
  EXPECT_THAT(script_.verbs, ElementsAre("Begin", "Write people", "WriteRecord people", "Commit"));
  EXPECT_EQ(script_.mirror.records.at("people").row_count, 2);
}

TEST_F(PlanRunnerTest, APopulationCountsItsShadowAndTakesItsPlaceAtTheEnd) {
  Make(People());
  Step step = StepOn("people", {BeginShadow{People(), kCycle},
                                Batch(People(), {.rows = {{1, "Ada", 36}}}, true), SwapShadow{}});
  ASSERT_THAT(Run(InCycle({step})), IsOk());
  EXPECT_THAT(script_.verbs,
              ElementsAre("Begin", "BeginShadow people", "Write people shadow", "WriteShadowRows people 1",
                          "ForgetCheck people", "Swap people", "WriteRecord people", "Commit"));
  EXPECT_EQ(script_.mirror.records.at("people").row_count, 1);
}

TEST_F(PlanRunnerTest, ATableThatKeepsThePartnersRowsIsMergedNotSwapped) {
  TableSchema people = People();
  people.preserve_target = true;
  Make(people);
  Step step = StepOn("people", {BeginShadow{people, kCycle}, SwapShadow{}});
  ASSERT_THAT(Run(InCycle({step})), IsOk());
  EXPECT_THAT(script_.verbs, AllOf(Contains("Merge people 50000"), Not(Contains("Swap people"))));
}

TEST_F(PlanRunnerTest, WithoutItsShadowNoRowIsWritten) {
  Make(People());
  Step step = StepOn("people", {Batch(People(), {.rows = {{1, "Ada", 36}}}, true)});
  const auto result = Run(InCycle({step, StepOn("pairs", {CreateTable{Pairs()}})}));
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->steps[0].status,
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("Populate the table again")));
  EXPECT_THAT(script_.verbs, Not(Contains("Write people shadow")));
}

// --- What vanishes ---

TEST_F(PlanRunnerTest, ASwapThatLosesTooMuchNamesItAndIsTakenBack) {
  Make(People());
  Step fill = StepOn("people", {Batch(People(), {.rows = {{1, "Ada", 36}, {2, "Joan", 20}}})});
  ASSERT_THAT(Run(InCycle({fill})), IsOk());
  Step step = StepOn("people", {BeginShadow{People(), kCycle}, SwapShadow{1}});
  const auto result = Run(InCycle({step}));
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->steps.front().status,
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("2 rows would vanish")));
  EXPECT_EQ(result->steps.front().would_lose, 2);
  EXPECT_THAT(result->steps.front().lost_keys, ElementsAre("1", "2"));
  // How many are fewer tells enough; keys are counted only where it does not.
  EXPECT_THAT(script_.verbs, Not(Contains("CountAbsent 1")));
  EXPECT_EQ(script_.mirror.tables.at("people").size(), 2);
  step.actions.back() = SwapShadow{2};
  ASSERT_THAT(Run(InCycle({step})), IsOk());
  EXPECT_THAT(script_.verbs, Contains("CountAbsent 2"));
}

TEST_F(PlanRunnerTest, DeletesOverWhatMayGoAreTakenBackWithTheirLoss) {
  Make(People());
  Step fill = StepOn("people", {Batch(People(), {.rows = {{1, "Ada", 36}, {2, "Joan", 20}}})});
  ASSERT_THAT(Run(InCycle({fill})), IsOk());
  Step step = StepOn("people", {Batch(People(), {.operation = Operation::kDelete, .rows = {{1}, {2}}})});
  step.loss = Loss{.cycle = kCycle};
  std::vector<std::int64_t> asked;
  std::int64_t most = 1;
  step.may_delete = [&](std::int64_t rows, const std::vector<Loss>&) {
    asked.push_back(rows);
    return DeleteBound{.most = most, .planned = most};
  };
  const auto result = Run(InCycle({step}));
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->steps.front().would_delete, 2);
  EXPECT_EQ(result->steps.front().planned_deletes, 1);
  EXPECT_THAT(result->steps.front().lost_keys, ElementsAre("1", "2"));
  EXPECT_THAT(script_.mirror.losses["people"], IsEmpty());
  EXPECT_EQ(script_.mirror.tables.at("people").size(), 2);
  most = 2;
  ASSERT_THAT(Run(InCycle({step})), IsOk());
  EXPECT_EQ(script_.mirror.losses["people"][kCycle].rows, 2);
  EXPECT_EQ(script_.mirror.losses["people"][kCycle].planned, 2);
  EXPECT_EQ(script_.mirror.losses["people"][kCycle].rows_before, 2);
  EXPECT_THAT(asked, ElementsAre(2, 2, 2)) << "once more behind a savepoint";
}

TEST_F(PlanRunnerTest, HowManyMayGoIsAskedBehindTheStepsBefore) {
  Make(People());
  Step fill = StepOn("people", {Batch(People(), {.rows = {{1, "Ada", 36}, {2, "Joan", 20}}})});
  Step deletes = StepOn("people", {Batch(People(), {.operation = Operation::kDelete, .rows = {{1}}})});
  deletes.loss = Loss{.cycle = kCycle};
  std::vector<std::int64_t> asked;
  deletes.may_delete = [&](std::int64_t rows, const std::vector<Loss>& losses) {
    asked.push_back(rows);
    asked.push_back(losses.empty() ? 0 : losses.front().rows);
    return DeleteBound{};
  };
  Step more = deletes;
  more.actions = {Batch(People(), {.operation = Operation::kDelete, .rows = {{2}}})};
  deletes.expected = fill.record;
  more.expected = deletes.record;

  ASSERT_THAT(Run(InCycle({fill, deletes, more})), IsOk());

  EXPECT_THAT(asked, ElementsAre(2, 0, 1, 1));
}

// --- Receipts, hooks, the tenant's row ---

TEST_F(PlanRunnerTest, AReceiptIsOpenUntilTheCommitAndOldOnesGoNowAndThen) {
  Make(People());
  Step step = StepOn("people");
  step.receipt = ReceiptStep{.cycle = kCycle, .seq = 1, .digest = std::string(32, 'd'), .values = {4}};
  ASSERT_THAT(Run(InCycle({step})), IsOk());
  EXPECT_THAT(script_.verbs, ElementsAre("Begin", "HashParts people 4", "WriteOpenReceipt people",
                                         "WriteRecord people", "Commit"));
  step = StepOn("people");
  step.receipt = ReceiptStep{.cycle = kCycle, .seq = 2, .commit = true, .digest = std::string(32, 'e')};
  const auto result = Run(InCycle({step}));
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(script_.verbs, ElementsAre("Begin", "AddReceipt 1", "WriteRecord people", "Commit"));
  EXPECT_EQ(script_.mirror.receipts.at(1), result->steps.front().receipt);

  // Without the batches before it there is none.
  step = StepOn("people");
  step.receipt = ReceiptStep{.cycle = kCycle, .seq = 9, .commit = true, .digest = std::string(32, 'e')};
  EXPECT_EQ(Run(InCycle({step}))->steps.front().receipt, "");

  const std::uint64_t last = (kReceiptsKeptMax / 64 + 1) * 64 - 1;
  script_.mirror.receipts[last] = "text";
  step = StepOn("people");
  step.receipt = ReceiptStep{.cycle = kCycle, .seq = 1, .commit = true, .digest = std::string(32, 'f')};
  ASSERT_THAT(Run(InCycle({step})), IsOk());
  EXPECT_THAT(script_.verbs, Contains("RemoveReceipts " + std::to_string(last + 1 - kReceiptsKeptMax)));
}

TEST_F(PlanRunnerTest, WithoutANoteNothingIsAskedOfTheHooks) {
  Plan plan = InCycle({});
  plan.hooks = [](const auto&) { return std::vector<HookNote>(); };
  ASSERT_THAT(Run(plan), IsOk());
  EXPECT_THAT(script_.verbs, ElementsAre("Begin", "Commit"));
  plan.hooks = [](const auto&) { return std::vector<HookNote>(kHooksWaitingMax + 3); };
  EXPECT_EQ(Run(plan)->hooks_dropped, 3);
}

TEST_F(PlanRunnerTest, ASignOfLifeIsWrittenOnceASecondAndWithTheFirstBatch) {
  Plan plan = InCycle({});
  plan.now_ms = kNow + 999;
  ASSERT_THAT(Run(plan), IsOk());
  EXPECT_EQ(script_.mirror.tenant.progress_ms, kNow);
  plan.now_ms = kNow + 1'000;
  ASSERT_THAT(Run(plan), IsOk());
  EXPECT_EQ(script_.mirror.tenant.progress_ms, kNow + 1'000);
  EXPECT_EQ(script_.mirror.tenant.clock_ms, kNow + 1'000);
  // A server whose clock was far ahead wrote one.
  script_.mirror.tenant.progress_ms = kNow + 400'000;
  ASSERT_THAT(Run(plan), IsOk());
  EXPECT_EQ(script_.mirror.tenant.progress_ms, kNow + 1'000);

  Make(People());
  script_.mirror.tenant.touched = false;
  plan.steps = {StepOn("people")};
  plan.now_ms = kNow + 1'001;
  ASSERT_THAT(Run(plan), IsOk());
  EXPECT_TRUE(script_.mirror.tenant.touched);
  EXPECT_EQ(script_.mirror.tenant.progress_ms, kNow + 1'001);
  // Time that went back does not take the clock along.
  plan = Plan{};
  plan.tenant = script_.mirror.tenant;
  plan.tenant->paused = true;
  plan.now_ms = 1;
  ASSERT_THAT(Run(plan), IsOk());
  EXPECT_EQ(script_.mirror.tenant.clock_ms, kNow + 1'001);
}

}  // namespace
}  // namespace mirror::begin_work_test
