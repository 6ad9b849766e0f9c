#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "proto/wire/limits.h"
#include "tests/contract/store_contract.h"

// What every store promises (server/store/store.h, server/plan/plan.h): transactions, records, populations.

namespace mirror::store_contract_test {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::UnorderedElementsAre;

constexpr absl::StatusCode kInternal = absl::StatusCode::kInternal;
constexpr absl::StatusCode kFailedPrecondition = absl::StatusCode::kFailedPrecondition;

INSTANTIATE_TEST_SUITE_P(EveryStore, StoreContract, testing::ValuesIn(EveryBackend()), NameOfBackend);

Rows Numbered(int count, int first = 0) {
  Rows rows;
  for (int i = first; i < first + count; ++i) rows.push_back({i, "x", i});
  return rows;
}

// --- A transaction
// ------------------------------------------------------------------------------------------

TEST_P(StoreContract, ANewMirrorHasItsTenantAndNoTable) {
  EXPECT_EQ(Tenant().context_id, "ctx");
  EXPECT_EQ(Tenant().issuer, "");
  EXPECT_THAT(store_->records().ReadTables(), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(store_->records().AgreedTables(), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(store_->records().ReadTable("people"), IsOkAndHolds(std::nullopt));
  EXPECT_THAT(store_->records().ReadSchema("people"), IsOkAndHolds(std::nullopt));
}

TEST_P(StoreContract, RowsAndRecordAreOnDiskTogetherWhenCommitReturns) {
  Create(People());
  BatchSpec spec;
  spec.rows = {{1, "Ada", 36}, {2, "Grace", nullptr}};
  const TestBatch made = MakeBatch(People(), spec);
  Step step = StepAt("people", 1, {ApplyRows{made.schema.get(), &*made.batch, false, kCycle}});
  step.record->position = Position{Lsn{7}, std::string("li\0ne", 5)};
  step.record->pending = Position{Lsn{9}, std::string("\xff\x00", 2)};
  ASSERT_THAT(Run(step).status, IsOk());

  Reopen();

  TableRecord want = *step.record;
  want.row_count = 2;
  EXPECT_EQ(Record("people"), want);
  EXPECT_THAT(Visible(People()), ElementsAre(Row{1, "Ada", 36}, Row{2, "Grace", nullptr}));
  EXPECT_THAT(store_->records().ReadSchema("people"), IsOkAndHolds(People()));
}

TEST_P(StoreContract, EveryFieldOfTheTenantIsKept) {
  TenantRecord tenant = Tenant();
  tenant.issuer = "https://issuer";
  tenant.environment = "prod";
  tenant.source_id = "sour'ce";
  tenant.cycle = INT64_MAX - 1;
  tenant.active = false;
  tenant.holder = "hol\"der";
  tenant.since_ms = 1;
  tenant.progress_ms = 2;
  tenant.completed_cycle = 3;
  tenant.completed_ms = 4;
  tenant.paused = true;
  tenant.pause_reason = "because; DROP TABLE people";
  tenant.clock_ms = kNow + 5;
  tenant.announced = "digest";
  tenant.touched = true;
  Plan plan;
  plan.tenant = tenant;
  ASSERT_THAT(store_->Commit(plan), IsOk());

  Reopen();

  EXPECT_EQ(Tenant(), tenant);
}

TEST_P(StoreContract, AfterARestItKnowsAndDoesWhatItDidBefore) {
  Create(People());
  ASSERT_THAT(Insert(People(), {{1, "Ada", 36}}).status, IsOk());
  const auto before = Record("people");

  store_->upkeep().Rest();

  EXPECT_EQ(Record("people"), before);
  EXPECT_THAT(store_->records().ReadSchema("people"), IsOkAndHolds(People()));
  ASSERT_THAT(Insert(People(), {{2, "Grace", 45}}).status, IsOk());
  EXPECT_THAT(Visible(People()), SizeIs(2));
}

TEST_P(StoreContract, AFailedStepLeavesRowsAndRecordUntouchedWhileOthersApply) {
  Create(People());
  Create(Pairs());
  ASSERT_THAT(Insert(People(), {{1, "Ada", 36}}).status, IsOk());
  const auto before = Record("people");
  const TestBatch good = MakeBatch(Pairs(), {.rows = {{1, "b", "v"}}});
  const TestBatch more = MakeBatch(People(), {.rows = {{2, "Grace", 1}}});
  const TestBatch bad = MakeBatch(People(), {.operation = Operation::kUpdate, .rows = {{3, "x", 1}}});
  Step failing = StepAt("people", 2,
                        {ApplyRows{more.schema.get(), &*more.batch, false, kCycle},
                         ApplyRows{bad.schema.get(), &*bad.batch, false, kCycle}});
  failing.record->position = Position{Lsn{50}, "x"};

  const auto result = store_->Commit(
      InCycle({failing, StepAt("pairs", 1, {ApplyRows{good.schema.get(), &*good.batch, false, kCycle}})}));

  ASSERT_THAT(result, IsOk());
  ASSERT_THAT(result->steps, SizeIs(2));
  EXPECT_THAT(result->steps[0].status, StatusIs(kFailedPrecondition));
  EXPECT_THAT(result->steps[1].status, IsOk());
  EXPECT_EQ(Record("people"), before);
  EXPECT_THAT(Visible(People()), ElementsAre(Row{1, "Ada", 36}));
  EXPECT_EQ(Record("pairs")->seq, 1U);
  EXPECT_THAT(Visible(Pairs()), ElementsAre(Row{1, "b", "v"}));
}

TEST_P(StoreContract, LargeStepsOfOnePlanAreAnsweredAsIfEachHadAPlanOfItsOwn) {
  constexpr int kRows = 1'500;
  Create(People());
  Create(Pairs());
  ASSERT_THAT(Insert(People(), {{-1, "Ada", 36}}).status, IsOk());
  BatchSpec inserts, updates{.operation = Operation::kUpdate}, pairs;
  for (int i = 0; i < kRows; ++i) {
    inserts.rows.push_back({i, "n", i});
    updates.rows.push_back({i == kRows / 2 ? kRows : i, "changed", 0});
    pairs.rows.push_back({i, "b", "v"});
  }
  const TestBatch first = MakeBatch(People(), inserts), refused = MakeBatch(People(), updates);
  const TestBatch behind = MakeBatch(People(), {.rows = {{-2, "x", 1}}}), other = MakeBatch(Pairs(), pairs);
  const auto step = [&](const std::string& table, std::uint64_t seq, const TestBatch& batch) {
    return StepAt(table, seq, {ApplyRows{batch.schema.get(), &*batch.batch, false, kCycle}});
  };
  std::vector<Step> steps = {step("people", 2, first), step("people", 3, refused), step("people", 4, behind),
                             step("pairs", 1, other)};
  steps[1].expected = steps[0].record;
  steps[2].expected = steps[1].record;

  const auto result = store_->Commit(InCycle(steps));

  ASSERT_THAT(result, IsOk());
  ASSERT_THAT(result->steps, SizeIs(4));
  EXPECT_THAT(result->steps[0].status, IsOk());
  EXPECT_THAT(result->steps[1].status, StatusIs(kFailedPrecondition));
  EXPECT_THAT(result->steps[1].missing_rows, SizeIs(1));
  EXPECT_THAT(result->steps[2].status, StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(result->steps[3].status, IsOk());
  EXPECT_EQ(Record("people")->seq, 2U);
  EXPECT_EQ(RowCount("people"), kRows + 1);
  Rows want = {{-1, "Ada", 36}};
  want.insert(want.end(), inserts.rows.begin(), inserts.rows.end());
  EXPECT_EQ(Visible(People()), want);
  EXPECT_EQ(RowCount("pairs"), kRows);
}

TEST_P(StoreContract, WhatFollowsAFailedStepOfItsTableIsAbortedAndTheRestApplies) {
  Create(People());
  const TestBatch bad = MakeBatch(People(), {.operation = Operation::kUpdate, .rows = {{3, "x", 1}}});
  const TestBatch good = MakeBatch(People(), {.rows = {{2, "Grace", 1}}});
  Step first = StepAt("people", 1, {ApplyRows{bad.schema.get(), &*bad.batch, false, kCycle}});
  Step second = StepAt("people", 2, {ApplyRows{good.schema.get(), &*good.batch, false, kCycle}});
  second.expected = first.record;
  second.table = "PEOPLE";

  const auto result = store_->Commit(InCycle({first, second}));

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->steps[1].status, StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(Record("people")->seq, 0U);
  EXPECT_THAT(Visible(People()), IsEmpty());
}

TEST_P(StoreContract, StepsOfOneTableBuildOnEachOther) {
  Create(People());
  const TestBatch one = MakeBatch(People(), {.rows = {{1, "Ada", 1}}});
  const TestBatch two = MakeBatch(People(), {.rows = {{2, "Grace", 2}}});
  Step first = StepAt("people", 1, {ApplyRows{one.schema.get(), &*one.batch, false, kCycle}});
  Step second = StepAt("people", 2, {ApplyRows{two.schema.get(), &*two.batch, false, kCycle}});
  second.expected = first.record;

  const auto result = store_->Commit(InCycle({first, second}));

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->steps[1].status, IsOk());
  EXPECT_EQ(Record("people")->seq, 2U);
  EXPECT_EQ(RowCount("people"), 2);
}

TEST_P(StoreContract, TheAlternativeOfAFailedStepStartsFromBeforeIt) {
  Create(People());
  ASSERT_THAT(Insert(People(), {{1, "Ada", 36}}).status, IsOk());
  Step step = StepAt("people", 1, {AlterTable{{DropColumn{"age"}, DropColumn{"no such column"}}}});
  step.record->position = Position{Lsn{77}, ""};
  Step instead = StepAt("people", 1);
  instead.record->state = TableState::kRepopulate;
  step.otherwise.push_back(instead);

  const StepResult result = Run(step);

  EXPECT_THAT(result.status, IsOk());
  EXPECT_TRUE(result.otherwise);
  EXPECT_NE(result.reason, "");
  EXPECT_EQ(Record("people")->state, TableState::kRepopulate);
  EXPECT_EQ(LsnOf("people"), Lsn{});
  EXPECT_THAT(Visible(People()), ElementsAre(Row{1, "Ada", 36}));
}

TEST_P(StoreContract, WhereTheAlternativeFailsTooNothingOfTheStepIsThere) {
  Create(People());
  const auto before = Record("people");
  Step step = StepAt("people", 5, {AlterTable{{DropColumn{"no such column"}}}});
  step.otherwise.push_back(StepAt("people", 6, {AlterTable{{DropColumn{"age"}, DropColumn{"nor this"}}}}));

  EXPECT_THAT(Run(step).status, Not(IsOk()));

  EXPECT_EQ(Record("people"), before);
  EXPECT_THAT(Insert(People(), {{1, "Ada", 36}}).status, IsOk());
}

// --- Plans for another record than is there: made without the lock
// --------------------------------------------------------------------------------------------

struct Change {
  std::string name;
  std::function<void(TableRecord&)> apply;
};

TEST_P(StoreContract, APlanMadeForAnotherRecordIsRefusedAndDoesNothing) {
  Create(People());
  Create(Pairs());
  Step mark = StepAt("people", 3);
  mark.record->position = Position{Lsn{5}, "line"};
  mark.record->pending = Position{Lsn{6}, "next"};
  ASSERT_THAT(Run(mark).status, IsOk());
  const std::vector<Change> changes = {{"hash", [](TableRecord& r) { r.schema_hash = "other"; }},
                                       {"lsn", [](TableRecord& r) { r.position.lsn = Lsn{4}; }},
                                       {"lineage", [](TableRecord& r) { r.position.lineage = "other"; }},
                                       {"pending lsn", [](TableRecord& r) { r.pending->lsn = Lsn{7}; }},
                                       {"pending lineage", [](TableRecord& r) { r.pending->lineage = ""; }},
                                       {"pending gone", [](TableRecord& r) { r.pending.reset(); }},
                                       {"seq", [](TableRecord& r) { r.seq = 2; }},
                                       {"cycle", [](TableRecord& r) { r.cycle = 99; }},
                                       {"state", [](TableRecord& r) { r.state = TableState::kStopped; }}};
  for (const Change& change : changes) {
    SCOPED_TRACE(change.name);
    const TestBatch made = MakeBatch(Pairs(), {.rows = {{1, "b", "v"}}});
    Step other = StepAt("pairs", 1, {ApplyRows{made.schema.get(), &*made.batch, false, kCycle}});
    Step step = StepAt("people", 4);
    change.apply(*step.expected);
    Plan plan = InCycle({other, step});
    plan.nonce = Nonce{"n" + change.name, kNow + 1, 100};
    plan.answers = [](const auto&) { return std::vector<SchemaAnswer>{{"people", 1, "x"}}; };

    const auto result = store_->Commit(plan);

    EXPECT_THAT(result, StatusIs(kInternal));
    EXPECT_EQ(Record("people")->seq, 3U);
    EXPECT_THAT(Visible(Pairs()), IsEmpty());
    EXPECT_THAT(store_->records().ReadAnswers(), IsOkAndHolds(IsEmpty()));
    plan.steps.clear();
    EXPECT_THAT(store_->Commit(plan), IsOk()) << "the nonce of a plan for another record was kept";
    plan.nonce.reset();
    plan.answers = [](const auto&) { return std::vector<SchemaAnswer>{}; };
    ASSERT_THAT(store_->Commit(plan), IsOk());
  }
}

TEST_P(StoreContract, TheRowCountOfAPlanIsNotComparedAndFollowsTheRows) {
  Create(People());
  Step step = StepAt("people", 1);
  step.expected->row_count = 12345;
  step.record->row_count = 6789;

  EXPECT_THAT(Run(step).status, IsOk());

  EXPECT_EQ(RowCount("people"), 0);
}

TEST_P(StoreContract, APlanForARecordThatSomebodyDeletedIsRefused) {
  Create(People());
  const Step step = StepAt("people", 1);
  backend_->DeleteRecordByHand("people");

  const auto result = store_->Commit(InCycle({step}));

  EXPECT_THAT(result, StatusIs(kInternal));
  EXPECT_EQ(Record("people"), std::nullopt);
}

TEST_P(StoreContract, APlanForNoRecordIsRefusedWhereThereIsOne) {
  Create(People());
  Step step = StepAt("people", 1);
  step.expected.reset();

  const auto result = store_->Commit(InCycle({step}));

  EXPECT_THAT(result, StatusIs(kInternal));
}

TEST_P(StoreContract, AnLsnSetByHandIsReadAndOlderPlansAreRefused) {
  Create(People());
  Step mark = StepAt("people", 1);
  mark.record->position = Position{Lsn{5}, "line"};
  ASSERT_THAT(Run(mark).status, IsOk());
  const Step planned = StepAt("people", 2);

  backend_->SetLsnByHand("people", -1);

  EXPECT_EQ(Record("people")->position, Position{}) << "an LSN of -1 has no lineage";
  const auto result = store_->Commit(InCycle({planned}));
  EXPECT_THAT(result, StatusIs(kInternal));
}

TEST_P(StoreContract, TableNamesAreComparedByAsciiCaseOnly) {
  Create(People("übung"));

  EXPECT_TRUE(Record("ÜBUNG") == std::nullopt) << "only ASCII letters have a case here";
  ASSERT_TRUE(Record("üBUNG"));
  EXPECT_EQ(Record("üBUNG")->table, "übung");
  EXPECT_TRUE(store_->records().ReadSchema("üBUNG").value());
  Step again = StepAt("üBUNG", 0, {CreateTable{People("üBUNG")}});
  EXPECT_THAT(Run(again).status, StatusIs(kFailedPrecondition));
}

// --- Cycles
// -------------------------------------------------------------------------------------------------

TEST_P(StoreContract, TheCycleIsComparedForEqualityInsideTheTransaction) {
  Create(People());
  const TestBatch made = MakeBatch(People(), {.rows = {{1, "Ada", 1}}});
  const Step step = StepAt("people", 1, {ApplyRows{made.schema.get(), &*made.batch, false, kCycle}});
  for (const std::int64_t cycle : {kCycle - 1, kCycle + 1, std::int64_t{0}}) {
    SCOPED_TRACE(cycle);
    Plan plan = InCycle({step}, cycle);
    plan.nonce = Nonce{"n", kNow + 1, 100};
    plan.tenant = Tenant();
    plan.tenant->issuer = "other";

    EXPECT_THAT(store_->Commit(plan), StatusIs(absl::StatusCode::kAborted));

    EXPECT_EQ(Record("people")->seq, 0U);
    EXPECT_THAT(Visible(People()), IsEmpty());
    EXPECT_EQ(Tenant().issuer, "");
  }
}

TEST_P(StoreContract, ACycleThatEndedTakesNothing) {
  Create(People());
  const Step step = StepAt("people", 1);
  Plan end;
  end.tenant = Tenant();
  end.tenant->active = false;
  ASSERT_THAT(store_->Commit(end), IsOk());

  EXPECT_THAT(store_->Commit(InCycle({step})), StatusIs(absl::StatusCode::kAborted));
}

TEST_P(StoreContract, APlanWithoutCycleRunsWhateverTheTenantDoes) {
  Create(People());
  Plan end;
  end.tenant = Tenant();
  end.tenant->active = false;
  ASSERT_THAT(store_->Commit(end), IsOk());
  Plan plan;
  plan.steps = {StepAt("people", 1)};

  ASSERT_THAT(store_->Commit(plan), IsOk());

  EXPECT_EQ(Record("people")->seq, 1U);
}

TEST_P(StoreContract, ProgressMovesWithTheCyclesCommitsAndOnlyThere) {
  Create(People());
  Plan plan = InCycle({StepAt("people", 1)});
  plan.now_ms = kNow + 60'000;
  ASSERT_THAT(store_->Commit(plan), IsOk());
  EXPECT_EQ(Tenant().progress_ms, kNow + 60'000);
  EXPECT_GE(Tenant().clock_ms, kNow + 60'000);

  plan = InCycle({StepAt("people", 2)});
  plan.cycle.reset();
  plan.now_ms = kNow + 120'000;
  ASSERT_THAT(store_->Commit(plan), IsOk());
  EXPECT_EQ(Tenant().progress_ms, kNow + 60'000);
}

TEST_P(StoreContract, OnlyAppliedBatchesTouchTheCycle) {
  Create(People());
  Untouch();
  ASSERT_THAT(Part("people", 1, 0, "abc").status, IsOk());
  EXPECT_FALSE(Tenant().touched);
  const TestBatch bad = MakeBatch(People(), {.operation = Operation::kUpdate, .rows = {{3, "x", 1}}});
  EXPECT_THAT(Run(StepAt("people", 1, {ApplyRows{bad.schema.get(), &*bad.batch, false, kCycle}})).status,
              Not(IsOk()));
  EXPECT_FALSE(Tenant().touched);

  ASSERT_THAT(Insert(People(), {{1, "Ada", 1}}).status, IsOk());

  EXPECT_TRUE(Tenant().touched);
}

TEST_P(StoreContract, ABatchWithoutRowsTouchesTheCycleToo) {
  Create(People());
  Untouch();
  Step commit_only = StepAt("people", 1);
  commit_only.record->position = Position{Lsn{5}, "line"};

  ASSERT_THAT(Run(commit_only).status, IsOk());

  EXPECT_TRUE(Tenant().touched);
}

TEST_P(StoreContract, WhatOldCyclesLeftIsForgottenAndWhatTheNewOneHasStays) {
  Create(People());
  Create(Pairs());
  ASSERT_THAT(Run(StepAt("people", 1, {BeginShadow{People(), kCycle}})).status, IsOk());
  ASSERT_THAT(Part("people", 1, 0, "abc").status, IsOk());
  EXPECT_THAT(backend_->Leftovers(), ElementsAre(1, 1, 0));

  Begin(kCycle);
  EXPECT_THAT(backend_->Leftovers(), ElementsAre(1, 1, 0)) << "those of the running cycle were dropped";
  Begin(kCycle + 1);

  EXPECT_THAT(backend_->Leftovers(), ElementsAre(0, 0, 0));
}

// --- Nonces
// -------------------------------------------------------------------------------------------------

Plan WithNonce(const std::string& value, std::int64_t expires_ms, std::int64_t now_ms = kNow,
               std::size_t max = 3) {
  Plan plan;
  plan.now_ms = now_ms;
  plan.nonce = Nonce{value, expires_ms, max};
  return plan;
}

TEST_P(StoreContract, ANonceIsGoodForOneUse) {
  ASSERT_THAT(store_->Commit(WithNonce("a", kNow + 100)), IsOk());
  Reopen();

  EXPECT_THAT(store_->Commit(WithNonce("a", kNow + 200)), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(store_->Commit(WithNonce("A", kNow + 100)), IsOk()) << "nonces have no case";
}

TEST_P(StoreContract, APlanWithAUsedNonceDoesNothing) {
  Create(People());
  ASSERT_THAT(store_->Commit(WithNonce("a", kNow + 100)), IsOk());
  Plan plan = WithNonce("a", kNow + 100);
  plan.steps = {StepAt("people", 1)};
  plan.tenant = Tenant();
  plan.tenant->cycle = 500;

  EXPECT_THAT(store_->Commit(plan), StatusIs(absl::StatusCode::kAlreadyExists));

  EXPECT_EQ(Record("people")->seq, 0U);
  EXPECT_EQ(Tenant().cycle, kCycle);
}

TEST_P(StoreContract, AFullNonceMemoryRefusesAndEvictsNothing) {
  for (const char* const nonce : {"a", "b", "c"}) {
    ASSERT_THAT(store_->Commit(WithNonce(nonce, kNow + 100)), IsOk());
  }

  EXPECT_THAT(store_->Commit(WithNonce("d", kNow + 100)), StatusIs(absl::StatusCode::kResourceExhausted));

  for (const char* const nonce : {"a", "b", "c"}) {
    EXPECT_THAT(store_->Commit(WithNonce(nonce, kNow + 100)), StatusIs(absl::StatusCode::kAlreadyExists));
  }
}

TEST_P(StoreContract, NoncesAreKeptUntilTheyExpireAndThenMakeRoom) {
  for (const char* const nonce : {"a", "b", "c"}) {
    ASSERT_THAT(store_->Commit(WithNonce(nonce, kNow + 100)), IsOk());
  }

  EXPECT_THAT(store_->Commit(WithNonce("a", kNow + 100, kNow + 100)),
              StatusIs(absl::StatusCode::kAlreadyExists))
      << "forgotten in the moment of its expiry";
  EXPECT_THAT(store_->Commit(WithNonce("d", kNow + 300, kNow + 101)), IsOk());
}

TEST_P(StoreContract, NoncesArePrunedByTheHighestTimeEverSeen) {
  ASSERT_THAT(store_->Commit(WithNonce("a", kNow + 100)), IsOk());
  Plan ahead;
  ahead.tenant = Tenant();
  ahead.tenant->clock_ms = kNow + 1'000;
  ASSERT_THAT(store_->Commit(ahead), IsOk());

  // The clock went back: what is seen again now cannot bring back what was pruned, and nothing is pruned
  // by the lower time.
  EXPECT_THAT(store_->Commit(WithNonce("late", kNow + 1'500, kNow, 1)), IsOk());
  EXPECT_THAT(store_->Commit(WithNonce("late", kNow + 1'500, kNow, 1)),
              StatusIs(absl::StatusCode::kAlreadyExists));
}

// --- Populations
// --------------------------------------------------------------------------------------------

TEST_P(StoreContract, APopulationIsInvisibleUntilItsSwap) {
  Create(People());
  ASSERT_THAT(Insert(People(), {{1, "old", 1}, {2, "old", 2}}).status, IsOk());
  ASSERT_THAT(Run(StepAt("people", 2, {BeginShadow{People(), kCycle}})).status, IsOk());
  ASSERT_THAT(Write(People(), {.rows = {{1, "new", 1}, {3, "new", 3}, {4, "new", 4}}}, true).status, IsOk());
  ASSERT_THAT(
      Write(People(), {.operation = Operation::kUpdate, .rows = {{3, 33}}, .columns = {"id", "age"}}, true)
          .status,
      IsOk());
  ASSERT_THAT(Write(People(), {.operation = Operation::kDelete, .rows = {{4}, {5}}}, true).status, IsOk());
  EXPECT_THAT(Visible(People()), ElementsAre(Row{1, "old", 1}, Row{2, "old", 2}));
  EXPECT_EQ(RowCount("people"), 2);

  ASSERT_THAT(Run(StepAt("people", 6, {SwapShadow{}})).status, IsOk());

  EXPECT_THAT(Visible(People()), ElementsAre(Row{1, "new", 1}, Row{3, "new", 33}));
  EXPECT_EQ(RowCount("people"), 2);
  EXPECT_THAT(backend_->Leftovers(), ElementsAre(0, 0, 0));
  ASSERT_THAT(Insert(People(), {{9, "after", 9}}).status, IsOk());
  EXPECT_EQ(RowCount("people"), 3);
}

TEST_P(StoreContract, APopulationSurvivesThatTheStoreIsClosedInBetween) {
  Create(People());
  ASSERT_THAT(Run(StepAt("people", 1, {BeginShadow{People(), kCycle}})).status, IsOk());
  ASSERT_THAT(Write(People(), {.rows = {{1, "new", 1}}}, true).status, IsOk());

  Reopen();
  ASSERT_THAT(Write(People(), {.rows = {{2, "new", 2}}}, true).status, IsOk());
  ASSERT_THAT(Run(StepAt("people", 4, {SwapShadow{}})).status, IsOk());
  Reopen();

  EXPECT_THAT(Visible(People()), ElementsAre(Row{1, "new", 1}, Row{2, "new", 2}));
  EXPECT_EQ(RowCount("people"), 2);
}

TEST_P(StoreContract, ANewShadowDropsTheOlderOne) {
  Create(People());
  ASSERT_THAT(Run(StepAt("people", 1, {BeginShadow{People(), kCycle}})).status, IsOk());
  ASSERT_THAT(Write(People(), {.rows = {{1, "first", 1}}}, true).status, IsOk());

  ASSERT_THAT(Run(StepAt("people", 1, {BeginShadow{People(), kCycle}})).status, IsOk());
  ASSERT_THAT(Write(People(), {.rows = {{2, "second", 2}}}, true).status, IsOk());
  EXPECT_THAT(backend_->Leftovers(), ElementsAre(1, 0, 0));
  ASSERT_THAT(Run(StepAt("people", 3, {SwapShadow{}})).status, IsOk());

  EXPECT_THAT(Visible(People()), ElementsAre(Row{2, "second", 2}));
}

TEST_P(StoreContract, WithoutAShadowNothingIsWrittenOrSwapped) {
  Create(People());
  ASSERT_THAT(Insert(People(), {{1, "old", 1}}).status, IsOk());

  EXPECT_THAT(Write(People(), {.rows = {{2, "new", 2}}}, true).status, StatusIs(kFailedPrecondition));
  EXPECT_THAT(Run(StepAt("people", 2, {SwapShadow{}})).status, StatusIs(kFailedPrecondition));

  EXPECT_THAT(Visible(People()), ElementsAre(Row{1, "old", 1}));
}

TEST_P(StoreContract, APopulationMayBringAnotherDefinition) {
  struct Case {
    std::string name;
    TableSchema before, after;
    Rows old_rows, new_rows;
  };
  const TableSchema wide = NamedTable("t", {KeyColumn("id", Type::kInt64), PlainColumn("extra", Type::kDate),
                                            PlainColumn("name", Type::kBytes)});
  const std::vector<Case> cases = {
      {"Columns", People("t"), wide, {{1, "a", 1}}, {{1, nullptr, Blob("b")}, {2, nullptr, Blob("")}}},
      {"IntegerKeyToPair", People("t"), Pairs("t"), {{1, "a", 1}}, {{1, "x", "v"}, {1, "y", "w"}}},
      {"PairToIntegerKey", Pairs("t"), People("t"), {{1, "x", "v"}}, {{1, "a", 1}}},
      {"KeyToKeyless", People("t"), Keyless("t"), {{1, "a", 1}}, {{"a", 1}, {"a", 1}}},
      {"KeylessToKey", Keyless("t"), Pairs("t"), {{"a", 1}}, {{1, "x", "v"}}},
  };
  for (const Case& test : cases) {
    SCOPED_TRACE(test.name);
    Create(test.before);
    ASSERT_THAT(Insert(test.before, test.old_rows).status, IsOk());
    ASSERT_THAT(Run(StepAt("t", 2, {AgreeSchema{test.after}, BeginShadow{test.after, kCycle}})).status,
                IsOk());
    ASSERT_THAT(Write(test.after, {.rows = test.new_rows}, true).status, IsOk());
    EXPECT_EQ(Visible(test.before), Sorted(test.old_rows));

    ASSERT_THAT(Run(StepAt("t", 4, {SwapShadow{}})).status, IsOk());

    EXPECT_EQ(Visible(test.after), Sorted(test.new_rows));
    EXPECT_EQ(RowCount("t"), static_cast<std::int64_t>(test.new_rows.size()));
    Reopen();
    ASSERT_THAT(Insert(test.after, {test.new_rows.back()}).status, IsOk());
    Step drop = StepAt("t", 0, {DropTable{}});
    drop.record.reset();
    ASSERT_THAT(Run(drop).status, IsOk());
  }
}

TEST_P(StoreContract, PopulationsOfSeveralTablesAreSwappedInOneTransaction) {
  for (const char* const name : {"t1", "t2", "t3"}) {
    Create(People(name));
    ASSERT_THAT(Insert(People(name), {{1, "old", 1}}).status, IsOk());
    ASSERT_THAT(Run(StepAt(name, 2, {BeginShadow{People(name), kCycle}})).status, IsOk());
    ASSERT_THAT(Write(People(name), {.rows = {{2, name, 2}}}, true).status, IsOk());
  }
  const TestBatch bad = MakeBatch(People("t2"), {.operation = Operation::kUpdate, .rows = {{7, "x", 1}}});

  const auto result = store_->Commit(
      InCycle({StepAt("t1", 4, {SwapShadow{}}),
               StepAt("t2", 4, {SwapShadow{}, ApplyRows{bad.schema.get(), &*bad.batch, false, kCycle}}),
               StepAt("t3", 4, {SwapShadow{}})}));

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->steps[0].status, IsOk());
  EXPECT_THAT(result->steps[1].status, StatusIs(kFailedPrecondition));
  EXPECT_THAT(result->steps[2].status, IsOk());
  EXPECT_THAT(Visible(People("t1")), ElementsAre(Row{2, "t1", 2}));
  EXPECT_THAT(Visible(People("t2")), ElementsAre(Row{1, "old", 1})) << "a swap that was rolled back shows";
  EXPECT_THAT(Visible(People("t3")), ElementsAre(Row{2, "t3", 2}));
  // The one that failed goes on where it was.
  ASSERT_THAT(Run(StepAt("t2", 4, {SwapShadow{}})).status, IsOk());
  EXPECT_THAT(Visible(People("t2")), ElementsAre(Row{2, "t2", 2}));
  EXPECT_THAT(store_->upkeep().CheckIntegrity(), IsOk());
}

TEST_P(StoreContract, APlanForAnotherRecordTakesItsSwapsBack) {
  for (const char* const name : {"t1", "t2"}) Create(People(name));
  ASSERT_THAT(Run(StepAt("t1", 1, {BeginShadow{People("t1"), kCycle}})).status, IsOk());
  ASSERT_THAT(Write(People("t1"), {.rows = {{2, "new", 2}}}, true).status, IsOk());
  Step other = StepAt("t2", 1);
  other.expected->seq = 17;

  const auto result = store_->Commit(InCycle({StepAt("t1", 3, {SwapShadow{}}), other}));

  EXPECT_THAT(result, StatusIs(kInternal));
  EXPECT_THAT(Visible(People("t1")), IsEmpty());
  ASSERT_THAT(Run(StepAt("t1", 3, {SwapShadow{}})).status, IsOk());
  EXPECT_THAT(Visible(People("t1")), ElementsAre(Row{2, "new", 2}));
}

// --- Rows
// ---------------------------------------------------------------------------------------------------

TEST_P(StoreContract, AnUpdateOfRowsThatAreNotThereIsRefusedWholeAndNamesThem) {
  Create(People());
  ASSERT_THAT(Insert(People(), {{1, "Ada", 1}, {3, "Grace", 3}}).status, IsOk());

  // Not in key order: the rows are named by their place in the batch.
  const StepResult result =
      Write(People(), Operation::kUpdate, {{9, 9}, {3, 33}, {2, 22}, {1, 11}, {8, 8}}, {"id", "age"});

  EXPECT_THAT(result.status, StatusIs(kFailedPrecondition));
  EXPECT_THAT(result.missing_rows, ElementsAre(0, 2, 4));
  EXPECT_FALSE(result.more_missing);
  EXPECT_THAT(Visible(People()), ElementsAre(Row{1, "Ada", 1}, Row{3, "Grace", 3}));
}

TEST_P(StoreContract, UpToAThousandMissingRowsAreNamedAndMoreAreSaid) {
  Create(People());
  ASSERT_THAT(Insert(People(), {{-1, "there", 1}}).status, IsOk());
  for (const int count : {999, 1'000, 1'001, 1'500}) {
    SCOPED_TRACE(count);
    Rows rows = Numbered(count);
    rows.push_back({-1, "x", 2});

    const StepResult result = Write(People(), Operation::kUpdate, rows);

    EXPECT_THAT(result.status, StatusIs(kFailedPrecondition));
    EXPECT_THAT(result.missing_rows, SizeIs(std::min<std::size_t>(kMissingKeysMax, count)));
    EXPECT_EQ(result.more_missing, count > 1'000);
    EXPECT_THAT(Visible(People()), ElementsAre(Row{-1, "there", 1}));
  }
}

struct CountCase {
  std::string name;
  TableSchema table;
  Rows before;
  Operation operation;
  Rows rows;
  std::vector<std::string> columns;
  Rows after;
};

std::vector<CountCase> CountCases() {
  const TableSchema text_key = NamedTable("t", {KeyColumn("k", Type::kText), PlainColumn("v", Type::kInt64)});
  TableSchema any_key = NamedTable("t", {AnyColumn("k", Affinity::kBlob), PlainColumn("v", Type::kInt64)});
  any_key.columns[0].key_position = 1;
  any_key.columns[0].nullable = false;
  const TableSchema only_key = NamedTable("t", {KeyColumn("id", Type::kInt16)});
  const TableSchema only_pair =
      NamedTable("t", {KeyColumn("a", Type::kInt16), KeyColumn("b", Type::kUuid, 2)});
  const std::string uuid1(16, '\1'), uuid2(16, '\2');
  const std::string text1 = "01010101-0101-0101-0101-010101010101",
                    text2 = "02020202-0202-0202-0202-020202020202";
  // The key in the middle, the second key column before the first.
  const TableSchema mixed = NamedTable("t", {PlainColumn("v", Type::kText), KeyColumn("b", Type::kInt32, 2),
                                             PlainColumn("w", Type::kBool), KeyColumn("a", Type::kDate, 1)});
  const std::int64_t day = 864'000'000'000;
  return {
      {"InsertIntoIntegerKey",
       People("t"),
       {},
       Operation::kInsert,
       {{2, "b", 2}, {1, "a", 1}},
       {},
       {{1, "a", 1}, {2, "b", 2}}},
      {"UpsertOfIntegerKey",
       People("t"),
       {{1, "a", 1}},
       Operation::kInsert,
       {{1, "b", nullptr}, {2, "c", 3}},
       {},
       {{1, "b", nullptr}, {2, "c", 3}}},
      {"UpdateOfIntegerKey",
       People("t"),
       {{1, "a", 1}, {2, "b", 2}},
       Operation::kUpdate,
       {{2, nullptr}},
       {"id", "name"},
       {{1, "a", 1}, {2, nullptr, 2}}},
      {"DeleteOfIntegerKey",
       People("t"),
       {{1, "a", 1}, {2, "b", 2}},
       Operation::kDelete,
       {{2}, {3}},
       {},
       {{1, "a", 1}}},
      {"SmallestAndLargestKey",
       People("t"),
       {{INT64_MIN, "a", 1}},
       Operation::kInsert,
       {{INT64_MAX, "b", 1}, {INT64_MIN, "c", 2}, {0, "z", 0}},
       {},
       {{INT64_MIN, "c", 2}, {0, "z", 0}, {INT64_MAX, "b", 1}}},
      {"UpsertOfPair",
       Pairs("t"),
       {{1, "x", "a"}, {1, "y", "b"}},
       Operation::kInsert,
       {{1, "y", "B"}, {2, "x", "c"}},
       {},
       {{1, "x", "a"}, {1, "y", "B"}, {2, "x", "c"}}},
      {"UpdateOfPair",
       Pairs("t"),
       {{1, "x", "a"}, {1, "y", "b"}},
       Operation::kUpdate,
       {{1, "y", nullptr}},
       {},
       {{1, "x", "a"}, {1, "y", nullptr}}},
      {"DeleteOfPair",
       Pairs("t"),
       {{1, "x", "a"}, {1, "y", "b"}},
       Operation::kDelete,
       {{1, "x"}, {2, "x"}},
       {},
       {{1, "y", "b"}}},
      {"TextKeysAreComparedByteByByte",
       text_key,
       {{"a", 1}},
       Operation::kInsert,
       {{"A", 2}, {"a ", 3}, {"\xc3\xa4", 4}, {"a\xcc\x88", 5}, {"", 6}, {"1", 7}, {"01", 8}},
       {},
       {{"", 6}, {"01", 8}, {"1", 7}, {"A", 2}, {"a", 1}, {"a ", 3}, {"a\xcc\x88", 5}, {"\xc3\xa4", 4}}},
      {"DeleteOfTextKeyIsExact", text_key, {{"a", 1}, {"A", 2}}, Operation::kDelete, {{"a"}}, {}, {{"A", 2}}},
      {"AnyKeyOneAndOnePointZeroAreTheSame",
       any_key,
       {{1, 1}, {"1", 2}},
       Operation::kInsert,
       {{1.0, 3}},
       {},
       {{1.0, 3}, {"1", 2}}},
      {"UpdateOfAnyKey",
       any_key,
       {{1, 1}, {Blob("1"), 2}},
       Operation::kUpdate,
       {{1.0, 3}},
       {},
       {{1.0, 3}, {Blob("1"), 2}}},
      {"DeleteOfAnyKey",
       any_key,
       {{1, 1}, {"1", 2}, {Blob("1"), 3}},
       Operation::kDelete,
       {{Blob("1")}, {1.0}},
       {},
       {{"1", 2}}},
      {"UpsertWhereAllColumnsAreKey", only_key, {{1}}, Operation::kInsert, {{1}, {2}}, {}, {{1}, {2}}},
      {"UpsertWhereAllColumnsOfAPairAreKey",
       only_pair,
       {{1, Blob(uuid1)}},
       Operation::kInsert,
       {{1, Blob(uuid1)}, {1, Blob(uuid2)}},
       {},
       {{1, text1}, {1, text2}}},
      {"KeyColumnsInAnyPlace",
       mixed,
       {{"a", 1, 0, day}, {"b", 2, 1, day}},
       Operation::kUpdate,
       {{day, 2, "B"}},
       {"a", "b", "v"},
       {{"a", 1, 0, "0001-01-02"}, {"B", 2, 1, "0001-01-02"}}},
      {"DeleteByKeyColumnsInAnyPlace",
       mixed,
       {{"a", 1, 0, day}, {"b", 2, 1, day}},
       Operation::kDelete,
       {{1, day}},
       {"b", "a"},
       {{"b", 2, 1, "0001-01-02"}}},
      {"KeylessRowsAreAppended",
       Keyless("t"),
       {{"a", 1}},
       Operation::kInsert,
       {{"a", 1}, {nullptr, nullptr}, {nullptr, nullptr}},
       {},
       {{nullptr, nullptr}, {nullptr, nullptr}, {"a", 1}, {"a", 1}}},
  };
}

TEST_P(StoreContract, RowsBecomeWhatTheBatchSaysAndAreCounted) {
  for (const CountCase& test : CountCases()) {
    SCOPED_TRACE(test.name);
    if (HasAnyInKey(test.table) && Refuses(test.table)) continue;
    for (const bool in_shadow : {false, true}) {
      SCOPED_TRACE(in_shadow ? "in a shadow" : "in the visible table");
      Create(test.table);
      if (in_shadow) {
        ASSERT_THAT(Run(StepAt("t", 1, {BeginShadow{test.table, kCycle}})).status, IsOk());
      }
      if (!test.before.empty()) {
        ASSERT_THAT(Write(test.table, {.rows = test.before}, in_shadow).status, IsOk());
      }

      const StepResult result = Write(
          test.table, {.operation = test.operation, .rows = test.rows, .columns = test.columns}, in_shadow);

      EXPECT_THAT(result.status, IsOk());
      if (in_shadow) {
        ASSERT_THAT(Run(StepAt("t", 9, {SwapShadow{}})).status, IsOk());
      }
      EXPECT_EQ(Visible(test.table), Sorted(test.after));
      EXPECT_EQ(RowCount("t"), static_cast<std::int64_t>(test.after.size()));
      Step drop = StepAt("t", 0, {DropTable{}});
      drop.record.reset();
      ASSERT_THAT(Run(drop).status, IsOk());
    }
  }
}

TEST_P(StoreContract, ALargeBatchIsWrittenWhole) {
  Create(Pairs());
  Rows rows;
  for (int i = 0; i < 20'000; ++i) rows.push_back({(i * 7'919) % 20'000, "k", "v"});
  ASSERT_THAT(Insert(Pairs(), rows).status, IsOk());
  EXPECT_EQ(RowCount("pairs"), 20'000);
  EXPECT_EQ(Visible(Pairs()), Sorted(rows));
}

// --- Definitions
// --------------------------------------------------------------------------------------------

TEST_P(StoreContract, ChangesInPlaceKeepTheRowsAndFillWhatTheyWereToldTo) {
  Create(People());
  ASSERT_THAT(Insert(People(), {{1, "Ada", 36}, {2, "Grace", nullptr}}).status, IsOk());
  Column added = PlainColumn("since", Type::kDate);
  added.backfill = Backfill::kDefault;
  added.default_value = std::int64_t{642'323LL * 864'000'000'000};
  Column empty = PlainColumn("note", Type::kText);
  empty.backfill = Backfill::kNone;
  empty.default_value = std::string("only for rows to come");
  const TableSchema after = NamedTable(
      "people", {KeyColumn("id", Type::kInt64), PlainColumn("Full Name", Type::kText), added, empty});

  ASSERT_THAT(Run(StepAt("people", 2,
                         {AlterTable{{DropColumn{"age"}, RenameColumn{"name", "Full Name"}, AddColumn{added},
                                      AddColumn{empty}}},
                          AgreeSchema{after}}))
                  .status,
              IsOk());

  EXPECT_THAT(Visible(after),
              ElementsAre(Row{1, "Ada", "1759-08-16", nullptr}, Row{2, "Grace", "1759-08-16", nullptr}));
  EXPECT_EQ(RowCount("people"), 2);
  EXPECT_THAT(Insert(after, {{3, "Joan", 0, "x"}}).status, IsOk());
  EXPECT_THAT(Visible(after), SizeIs(3));
  EXPECT_THAT(store_->records().ReadSchema("people"), IsOkAndHolds(after));
}

TEST_P(StoreContract, AWiderTypeKeepsTheRowsAndTakesWiderOnes) {
  const TableSchema before =
      NamedTable("people", {KeyColumn("id", Type::kInt32), PlainColumn("name", Type::kText),
                            PlainColumn("age", Type::kInt16), PlainColumn("size", Type::kFloat)});
  Create(before);
  ASSERT_THAT(Insert(before, {{1, "Ada", 36, 0.5}, {2, "Grace", nullptr, nullptr}}).status, IsOk());
  const TableSchema after =
      NamedTable("people", {KeyColumn("id", Type::kInt64), PlainColumn("name", Type::kText),
                            PlainColumn("years", Type::kInt64), PlainColumn("size", Type::kDouble)});
  AlterTable alter{{RenameColumn{"age", "years"}}};
  for (const int i : {0, 2, 3}) {
    const auto column = static_cast<std::size_t>(i);
    alter.changes.emplace_back(RetypeColumn{before.columns[column], after.columns[column]});
  }

  ASSERT_THAT(Run(StepAt("people", 2, {alter, AgreeSchema{after}})).status, IsOk());

  ASSERT_THAT(Insert(after, {{5'000'000'000, "Joan", 6'000'000'000, 0.1}}).status, IsOk());
  EXPECT_THAT(Visible(after), ElementsAre(Row{1, "Ada", 36, 0.5}, Row{2, "Grace", nullptr, nullptr},
                                          Row{5'000'000'000, "Joan", 6'000'000'000, 0.1}));
  EXPECT_THAT(store_->records().ReadSchema("people"), IsOkAndHolds(after));
}

TEST_P(StoreContract, ADroppedColumnIsRememberedWhileTheTableStandsWhereItStood) {
  Create(People());
  TableSchema without = People();
  without.columns.pop_back();
  const auto move = [&](std::uint64_t seq, Position to, std::vector<Action> actions = {}) {
    Step step = StepAt("people", seq, std::move(actions));
    step.record->position = std::move(to);
    return Run(std::move(step)).status;
  };
  const auto lost = [&] { return store_->records().ReadLostColumns("PEOPLE").value(); };
  ASSERT_THAT(move(1, {Lsn{7}, "line"}), IsOk());
  EXPECT_THAT(lost(), IsEmpty());

  ASSERT_THAT(move(2, {Lsn{7}, "line"}, {AlterTable{{DropColumn{"age"}}}, AgreeSchema{without}}), IsOk());
  EXPECT_THAT(lost(), ElementsAre("age"));
  Reopen();
  EXPECT_THAT(lost(), ElementsAre("age"));
  ASSERT_THAT(move(3, {Lsn{7}, "other line"}), IsOk());
  EXPECT_THAT(lost(), IsEmpty());
  ASSERT_THAT(move(4, {Lsn{8}, "line"}), IsOk());
  EXPECT_THAT(lost(), IsEmpty());

  Step drop = StepAt("people", 0, {DropTable{}});
  drop.record.reset();
  ASSERT_THAT(Run(drop).status, IsOk());
  Create(People());
  ASSERT_THAT(move(5, {Lsn{7}, "line"}), IsOk());
  EXPECT_THAT(lost(), IsEmpty()) << "of a table that is gone";
  EXPECT_THAT(store_->records().ReadLostColumns("unknown"), IsOkAndHolds(IsEmpty()));
}

TEST_P(StoreContract, AColumnMayBeRenamedToAnotherCaseOfItself) {
  Create(People());
  ASSERT_THAT(Insert(People(), {{1, "Ada", 36}}).status, IsOk());
  TableSchema after = People();
  after.columns[1].name = "NAME";

  ASSERT_THAT(
      Run(StepAt("people", 2, {AlterTable{{RenameColumn{"name", "NAME"}}}, AgreeSchema{after}})).status,
      IsOk());

  EXPECT_THAT(Insert(after, {{2, "Grace", 1}}).status, IsOk());
  EXPECT_THAT(Visible(after), SizeIs(2));
}

struct DefaultCase {
  std::string name;
  Column column;
  Literal literal;
  Cell stored;
};

std::vector<DefaultCase> DefaultCases() {
  const auto column = [](Type type) { return PlainColumn("c", type); };
  const auto digits = [&](Type type, std::uint32_t precision) {
    Column c = column(type);
    c.precision = precision;
    return c;
  };
  return {
      {"Bool", column(Type::kBool), std::int64_t{1}, 1},
      {"SmallestInt16", column(Type::kInt16), std::int64_t{-32'768}, -32'768},
      {"SmallestInt64", column(Type::kInt64), INT64_MIN, INT64_MIN},
      {"LargestInt64", column(Type::kInt64), INT64_MAX, INT64_MAX},
      {"Float", column(Type::kFloat), 0.1F, static_cast<double>(0.1F)},
      {"Double", column(Type::kDouble), 0.1 + 0.2, 0.1 + 0.2},
      {"WholeDouble", column(Type::kDouble), 5.0, 5.0},
      {"LargestDouble", column(Type::kDouble), 1.7976931348623157e308, 1.7976931348623157e308},
      {"SmallestNormal", column(Type::kDouble), 2.2250738585072014e-308, 2.2250738585072014e-308},
      {"SmallestDouble", column(Type::kDouble), 5e-324, 5e-324},
      {"OddDouble", column(Type::kDouble), 6.9294956446009195e15, 6.9294956446009195e15},
      {"OddSmallDouble", column(Type::kDouble), 3.0540411989352246e-261, 3.0540411989352246e-261},
      {"NegativeZero", column(Type::kDouble), -0.0, 0.0},
      {"Decimal", column(Type::kDecimal), std::string("-0.10"), "-0.10"},
      {"Text", column(Type::kText), std::string("it's \"quoted\"\n; DROP TABLE people; --"),
       "it's \"quoted\"\n; DROP TABLE people; --"},
      {"TextLikeANumber", column(Type::kText), std::string("007"), "007"},
      {"EmptyText", column(Type::kText), std::string(), ""},
      {"Emoji", column(Type::kText), std::string("\xf0\x9f\x90\xbb"), "\xf0\x9f\x90\xbb"},
      {"Bytes", column(Type::kBytes), Bytes{std::string("\0\xff'", 3)}, Blob(std::string("\0\xff'", 3))},
      {"NoBytes", column(Type::kBytes), Bytes{""}, Blob("")},
      {"Date", column(Type::kDate), std::int64_t{0}, "0001-01-01"},
      {"Time", digits(Type::kTime, 3), std::int64_t{863'999'990'000}, "23:59:59.999"},
      {"Timestamp", digits(Type::kTimestamp, 0), std::int64_t{10'000'000}, "0001-01-01 00:00:01"},
      {"TimestampTz", digits(Type::kTimestampTz, 7), std::int64_t{1}, "0001-01-01 00:00:00.0000001Z"},
      {"Uuid", column(Type::kUuid),
       Bytes{"\x01\x23\x45\x67\x89\xab\xcd\xef"
             "01234567"},
       "01234567-89ab-cdef-3031-323334353637"},
      {"AnyInteger", AnyColumn("c", Affinity::kBlob), std::int64_t{5}, 5},
      {"AnyText", AnyColumn("c", Affinity::kBlob), std::string("5"), "5"},
      {"Null", column(Type::kText), Null{}, nullptr},
  };
}

TEST_P(StoreContract, OldRowsHoldTheTypedDefaultOfAnAddedColumn) {
  for (const DefaultCase& test : DefaultCases()) {
    SCOPED_TRACE(test.name);
    const TableSchema before = NamedTable("t", {KeyColumn("id", Type::kInt64)});
    Create(before);
    ASSERT_THAT(Insert(before, {{1}}).status, IsOk());
    TableSchema after = before;
    after.columns.push_back(test.column);
    after.columns[1].backfill = Backfill::kDefault;
    after.columns[1].default_value = test.literal;

    ASSERT_THAT(Run(StepAt("t", 2, {AlterTable{{AddColumn{after.columns[1]}}}, AgreeSchema{after}})).status,
                IsOk());

    EXPECT_THAT(Visible(after), ElementsAre(Row{1, test.stored}));
    Step drop = StepAt("t", 0, {DropTable{}});
    drop.record.reset();
    ASSERT_THAT(Run(drop).status, IsOk());
  }
}

TEST_P(StoreContract, ARetiredTableIsGoneForReadersAndRemovedAfterItsGrace) {
  Create(People());
  ASSERT_THAT(Insert(People(), {{1, "Ada", 36}}).status, IsOk());
  Step retire = StepAt("people", 0, {RetireTable{kNow}});
  retire.record.reset();

  ASSERT_THAT(Run(retire).status, IsOk());

  EXPECT_ANY_THROW(Visible(People()));
  EXPECT_EQ(Record("people"), std::nullopt);
  EXPECT_THAT(store_->records().AgreedTables(), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(backend_->Leftovers(), ElementsAre(0, 0, 1));

  Plan plan = InCycle({});
  plan.drop_retired_before_ms = kNow;
  ASSERT_THAT(store_->Commit(plan), IsOk());
  EXPECT_THAT(backend_->Leftovers(), ElementsAre(0, 0, 1)) << "the moment itself is within the grace";
  plan.drop_retired_before_ms = kNow + 1;
  ASSERT_THAT(store_->Commit(plan), IsOk());
  EXPECT_THAT(backend_->Leftovers(), ElementsAre(0, 0, 0));
}

TEST_P(StoreContract, ATableMadeAgainBesideItsRetiredFormersIsNew) {
  for (int i = 0; i < 3; ++i) {
    Create(People());
    EXPECT_THAT(Visible(People()), IsEmpty());
    ASSERT_THAT(Insert(People(), {{i, "x", 1}}).status, IsOk());
    Step retire = StepAt("people", 0, {RetireTable{kNow + i}});
    retire.record.reset();
    ASSERT_THAT(Run(retire).status, IsOk());
  }
  EXPECT_THAT(backend_->Leftovers(), ElementsAre(0, 0, 3));
}

TEST_P(StoreContract, WithATableGoesItsShadowItsPartsAndItsDefinition) {
  const std::vector<std::pair<Action, std::int64_t>> ends = {{DropTable{}, 0}, {RetireTable{kNow}, 1}};
  for (const auto& [end, aside] : ends) {
    Create(People());
    ASSERT_THAT(Run(StepAt("people", 1, {BeginShadow{People(), kCycle}})).status, IsOk());
    ASSERT_THAT(Part("people", 1, 0, "abc").status, IsOk());
    Step drop = StepAt("people", 0, {end});
    drop.record.reset();

    ASSERT_THAT(Run(drop).status, IsOk());

    EXPECT_THAT(backend_->Leftovers(), ElementsAre(0, 0, aside));
    EXPECT_THAT(store_->records().ReadSchema("people"), IsOkAndHolds(std::nullopt));
    EXPECT_THAT(store_->records().ReadTables(), IsOkAndHolds(IsEmpty()));
  }
}

TEST_P(StoreContract, AgreedTablesAreNamedWithOrWithoutARecord) {
  Create(People());
  Create(Pairs());
  backend_->DeleteRecordByHand("people");

  EXPECT_THAT(store_->records().AgreedTables(), IsOkAndHolds(UnorderedElementsAre("people", "pairs")));
  EXPECT_THAT(store_->records().ReadSchema("people"), IsOkAndHolds(People()));
  EXPECT_THAT(store_->records().ReadTables(), IsOkAndHolds(SizeIs(1)));
}

TEST_P(StoreContract, AnswersAreKeptUntilOthersTakeTheirPlace) {
  Plan plan = InCycle({});
  plan.answers = [](const auto&) { return std::vector<SchemaAnswer>{{"b", 5, "it's bad"}, {"a", 3, ""}}; };
  ASSERT_THAT(store_->Commit(plan), IsOk());
  Reopen();
  ASSERT_THAT(store_->Commit(InCycle({})), IsOk());

  const auto answers = store_->records().ReadAnswers();
  ASSERT_THAT(answers, IsOkAndHolds(SizeIs(2)));
  for (const SchemaAnswer& answer : *answers) {
    EXPECT_EQ(answer.action, answer.table == "a" ? 3 : 5);
    EXPECT_EQ(answer.reason, answer.table == "a" ? "" : "it's bad");
  }

  plan.answers = [](const auto&) { return std::vector<SchemaAnswer>{{"c", 2, "x"}}; };
  ASSERT_THAT(store_->Commit(plan), IsOk());
  EXPECT_THAT(store_->records().ReadAnswers(), IsOkAndHolds(SizeIs(1)));
}

}  // namespace
}  // namespace mirror::store_contract_test
