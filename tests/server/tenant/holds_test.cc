// The breaker as a source meets it: what is held, what goes through, and what an operator's decision does.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/server/tenant/tenant_bench.h"

namespace mirror::holds_test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr absl::StatusCode kFailedPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr int kRows = 4'000;

Position At(std::int64_t lsn) { return {Lsn{lsn}, "at " + std::to_string(lsn)}; }

class HoldsTest : public TenantBench {
 protected:
  HoldsTest() : TenantBench(TenantOptions{.miss_window_ms = 3'600'000}) {}

  static Rows People(int from, int to) {
    Rows rows;
    for (int i = from; i < to; ++i) rows.push_back({i, "n", i});
    return rows;
  }
  static Rows Keys(int from, int to) {
    Rows rows;
    for (int i = from; i < to; ++i) rows.push_back({i});
    return rows;
  }
  void Fill() { source_->Mirror(mirror::People(), People(0, kRows), At(1)); }
  void Begin() {
    source_->Begin();
    ASSERT_THAT(source_->Announce({mirror::People()}), IsOk());
  }
  BatchSpec Deleting(int from, int to, std::int64_t base) {
    BatchSpec spec{.operation = Operation::kDelete, .rows = Keys(from, to), .base_lsn = base};
    spec.planned = Planned{.deletes = static_cast<std::uint64_t>(to - from)};
    spec.target = At(base + 1);
    spec.commit = At(base + 1);
    return spec;
  }
  BatchOutcome Delete(int from, int to, std::int64_t base) {
    Begin();
    BatchOutcome outcome = source_->Send(mirror::People(), Deleting(from, to, base));
    EXPECT_THAT(source_->Complete(), IsOk());
    return outcome;
  }
  std::int64_t Count() { return Partner(path()).One("SELECT count(*) FROM people").integer; }
  std::vector<Hold> Holds() { return tenant_->Holds().value(); }
};

TEST_F(HoldsTest, SixtyPercentAtOnceAreHeldAndNothingIsApplied) {
  Fill();
  const BatchOutcome outcome = Delete(0, 2'400, 1);
  EXPECT_THAT(outcome.status, StatusIs(kFailedPrecondition, HasSubstr("2,400 of 4,000")));
  EXPECT_TRUE(outcome.held);
  EXPECT_EQ(Count(), kRows);
  EXPECT_EQ(Metadata("lsn"), Cell(1));
  ASSERT_THAT(Holds(), SizeIs(1));
  EXPECT_EQ(Holds()[0].kind, HoldKind::kDeletes);
  EXPECT_THAT(catalog_.Kinds(), Contains("hold.deletes"));
  EXPECT_EQ(tenant_->Info()->holds, 1U);
}

TEST_F(HoldsTest, AHoldGoesWithItsTable) {
  Fill();
  ASSERT_TRUE(Delete(0, 2'400, 1).held);
  ASSERT_THAT(Holds(), SizeIs(1));
  const std::uint64_t id = Holds()[0].id;

  ASSERT_THAT(tenant_->Reset({"people"}, source_->now), IsOk());

  EXPECT_THAT(Holds(), IsEmpty());
  EXPECT_THAT(tenant_->DecideHold(id, HoldState::kCommit, source_->now),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(HoldsTest, AHoldGoesWithATableThatIsNotAnnouncedAnyMore) {
  Fill();
  ASSERT_TRUE(Delete(0, 2'400, 1).held);
  TableSchema other = mirror::People();
  other.name = "other";
  source_->Begin();
  ASSERT_THAT(source_->Announce({other}), IsOk());
  ASSERT_THAT(source_->Complete(), IsOk());
  ASSERT_THAT(Holds(), SizeIs(2)) << "that all rows would go with the table waits, too";

  ASSERT_THAT(tenant_->DecideHold(Holds()[1].id, HoldState::kCommit, source_->now), IsOk());
  source_->Begin();
  ASSERT_THAT(source_->Announce({other}), IsOk());

  EXPECT_THAT(catalog_.Kinds(), Contains("tables.retired"));
  for (const Hold& hold : Holds()) EXPECT_NE(hold.kind, HoldKind::kDeletes);
}

TEST_F(HoldsTest, WhereDeletesAreIgnoredNothingGoesAndNothingIsHeld) {
  TableSchema people = mirror::People();
  people.deletes = Deletes::kIgnore;
  source_->Mirror(people, People(0, kRows), At(1));
  source_->Begin();
  ASSERT_THAT(source_->Announce({people}), IsOk());
  const BatchOutcome outcome = source_->Send(people, Deleting(0, kRows - 1, 1));
  EXPECT_THAT(outcome.status, IsOk());
  EXPECT_FALSE(outcome.held);
  EXPECT_THAT(Holds(), IsEmpty());
  EXPECT_EQ(Count(), kRows);
}

TEST_F(HoldsTest, InThreeCyclesTheyAreHeldAtTheThird) {
  Fill();
  EXPECT_THAT(Delete(0, 800, 1).status, IsOk());
  EXPECT_THAT(Delete(800, 1'600, 2).status, IsOk());
  const BatchOutcome third = Delete(1'600, 2'400, 3);
  EXPECT_TRUE(third.held) << third.status;
  EXPECT_EQ(Count(), kRows - 1'600);
}

TEST_F(HoldsTest, ADayLaterTheyCountNoMore) {
  Fill();
  EXPECT_THAT(Delete(0, 1'600, 1).status, IsOk());
  source_->now += 25 * 3'600'000;
  EXPECT_THAT(Delete(1'600, 2'400, 2).status, IsOk());
}

TEST_F(HoldsTest, ACommitLetsItHappenOnce) {
  Fill();
  EXPECT_TRUE(Delete(0, 2'400, 1).held);
  ASSERT_THAT(tenant_->DecideHold(Holds()[0].id, HoldState::kCommit, source_->now), IsOk());
  EXPECT_THAT(Delete(0, 2'500, 1).status, IsOk()) << "a tenth more is in it";
  EXPECT_EQ(Count(), kRows - 2'500);
  EXPECT_THAT(Holds(), IsEmpty());
  EXPECT_THAT(Delete(2'500, 2'600, 2).status, IsOk()) << "what was let happen counts no more";
  EXPECT_TRUE(Delete(2'600, 3'500, 3).held) << "the decision was used";
}

TEST_F(HoldsTest, KeysOfHeldDeletesAreKeptInTheMirrorAlone) {
  Fill();
  EXPECT_TRUE(Delete(1'000, 3'400, 1).held);
  std::vector<std::string> first;
  for (int i = 1'000; i < 1'020; ++i) first.push_back(std::to_string(i));
  ASSERT_THAT(Holds(), SizeIs(1));
  EXPECT_EQ(Holds()[0].keys, first);
  EXPECT_THAT(catalog_.Messages("hold.deletes"), Not(HasSubstr("1019")));
  Restart();
  EXPECT_EQ(Holds()[0].keys, first);
  ASSERT_THAT(tenant_->DecideHold(Holds()[0].id, HoldState::kRollback, source_->now), IsOk());
  EXPECT_EQ(Holds()[0].keys, first) << "also once it is decided";
  EXPECT_THAT(Delete(0, 10, 1).status, IsOk());
  EXPECT_THAT(Holds(), IsEmpty());
  EXPECT_EQ(Partner(path()).One("SELECT count(*) FROM _mirror_hold_keys"), Cell(0));
}

TEST_F(HoldsTest, KeysFollowWhatIsHeldNow) {
  Fill();
  EXPECT_TRUE(Delete(0, 2'400, 1).held);
  EXPECT_EQ(Holds()[0].keys.front(), "0");
  EXPECT_TRUE(Delete(100, 2'600, 1).held);
  ASSERT_THAT(Holds(), SizeIs(1));
  EXPECT_EQ(Holds()[0].keys.front(), "100");
  EXPECT_EQ(Partner(path()).One("SELECT count(*) FROM _mirror_hold_keys"), Cell(20));
}

TEST_F(HoldsTest, KeysOfDeletesThatNobodyPlannedAreThoseOfTheBatchThatWasTooMuch) {
  Fill();
  Begin();
  BatchSpec some{.operation = Operation::kDelete, .rows = Keys(0, 1'500), .base_lsn = 1, .target = At(2)};
  ASSERT_THAT(source_->Send(mirror::People(), some).status, IsOk());
  BatchSpec more = some;
  more.rows = Keys(1'500, 3'000);
  more.seq = 2;
  EXPECT_TRUE(source_->Send(mirror::People(), more).held);
  ASSERT_THAT(Holds(), SizeIs(1));
  ASSERT_THAT(Holds()[0].keys, SizeIs(20));
  EXPECT_EQ(Holds()[0].keys.front(), "1500");
}

TEST_F(HoldsTest, KeysThatAPopulationLeavesOutAreKnownOnceItsRowsAreThere) {
  Fill();
  Begin();
  BatchSpec told{.populate = PopulateReason::kRequested, .target = At(2)};
  told.planned = Planned{.inserts = 100};
  EXPECT_TRUE(source_->Send(mirror::People(), told).held);
  ASSERT_THAT(Holds(), SizeIs(1));
  EXPECT_THAT(Holds()[0].keys, IsEmpty()) << "it said no more than how many rows come";
  ASSERT_THAT(source_->Complete(), IsOk());

  Begin();
  Rows rows = People(0, 1'000);
  for (int i = 1'005; i < 1'100; ++i) rows.push_back({i, "n", i});
  BatchSpec untold{.rows = rows, .populate = PopulateReason::kRequested, .target = At(3), .commit = At(3)};
  EXPECT_TRUE(source_->Send(mirror::People(), untold).held);
  ASSERT_THAT(Holds(), SizeIs(1));
  std::vector<std::string> keys = Holds()[0].keys;
  ASSERT_THAT(keys, SizeIs(20));
  keys.resize(6);
  EXPECT_EQ(keys, (std::vector<std::string>{"1000", "1001", "1002", "1003", "1004", "1100"}));
}

TEST_F(HoldsTest, KeysAreAsTheMirrorHoldsThemAndCut) {
  const TableSchema table =
      NamedTable("t", {KeyColumn("day", Type::kDate), KeyColumn("id", Type::kUuid, 2),
                       KeyColumn("name", Type::kText, 3), KeyColumn("data", Type::kBytes, 4)});
  std::vector<Row> rows;
  for (int i = 0; i < 1'200; ++i) {
    rows.push_back({std::int64_t{i} * 864'000'000'000, Blob(std::string(16, '\x0f')), "it's", Blob("\x01")});
  }
  rows[0][2] = Cell(std::string(300, 'x'));
  source_->Mirror(table, rows, At(1));
  source_->Begin();
  ASSERT_THAT(source_->Announce({table}), IsOk());
  BatchSpec spec{.operation = Operation::kDelete, .rows = rows, .base_lsn = 1, .target = At(2)};
  spec.planned = Planned{.deletes = rows.size()};
  EXPECT_TRUE(source_->Send(table, spec).held);
  ASSERT_THAT(Holds(), SizeIs(1));
  ASSERT_THAT(Holds()[0].keys, SizeIs(20));
  EXPECT_EQ(Holds()[0].keys[0],
            "'0001-01-01', '0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f', '" + std::string(40, 'x') + "…', x'01'");
  EXPECT_EQ(Holds()[0].keys[1], "'0001-01-02', '0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f', 'it''s', x'01'");
}

TEST_F(HoldsTest, ADecisionEndsTheRunningCycle) {
  Fill();
  EXPECT_TRUE(Delete(0, 2'400, 1).held);
  Begin();
  ASSERT_THAT(tenant_->DecideHold(Holds()[0].id, HoldState::kCommit, source_->now), IsOk());
  EXPECT_THAT(source_->Complete(), StatusIs(absl::StatusCode::kAborted));
}

TEST_F(HoldsTest, ARefusedOneStaysRefusedAndIsToldOnce) {
  Fill();
  EXPECT_TRUE(Delete(0, 2'400, 1).held);
  ASSERT_THAT(tenant_->DecideHold(Holds()[0].id, HoldState::kRollback, source_->now), IsOk());
  EXPECT_THAT(Delete(0, 2'400, 1).status, StatusIs(kFailedPrecondition, HasSubstr("refused")));
  EXPECT_EQ(Holds()[0].state, HoldState::kRollback);
  const std::vector<std::string> kinds = catalog_.Kinds();
  EXPECT_EQ(std::count(kinds.begin(), kinds.end(), "hold.deletes"), 1);
  EXPECT_THAT(Delete(0, 1'000, 1).status, IsOk()) << "less is planned";
  EXPECT_THAT(Holds(), IsEmpty());
}

TEST_F(HoldsTest, ASourceThatWasSetRightGoesThrough) {
  Fill();
  EXPECT_TRUE(Delete(0, 2'400, 1).held);
  Begin();
  BatchSpec update{.rows = {{1, "new", 1}}, .base_lsn = 1, .target = At(2), .commit = At(2)};
  EXPECT_THAT(source_->Send(mirror::People(), update).status, IsOk());
  EXPECT_THAT(Holds(), IsEmpty());
}

TEST_F(HoldsTest, RetriesOfACycleThatDiesAreCountedOnce) {
  Fill();
  // 40 % are deleted again and again, and never committed.
  for (int retry = 0; retry < 4; ++retry) {
    Begin();
    BatchSpec spec = Deleting(0, 1'600, 1);
    spec.commit.reset();
    ASSERT_THAT(source_->Send(mirror::People(), spec).status, IsOk()) << retry;
    Restart();
    source_->now += 11 * 60'000;  // Until that cycle is over.
  }
  EXPECT_THAT(Delete(0, 1'600, 1).status, IsOk());
}

TEST_F(HoldsTest, MoreThanWasPlannedIsRefused) {
  Fill();
  Begin();
  BatchSpec first = Deleting(0, 10, 1);
  first.commit.reset();
  ASSERT_THAT(source_->Send(mirror::People(), first).status, IsOk());
  BatchSpec second = Deleting(10, 30, 1);
  second.seq = 2;
  second.planned.reset();
  EXPECT_THAT(source_->Send(mirror::People(), second).status,
              StatusIs(kFailedPrecondition, HasSubstr("planned")));
  EXPECT_EQ(Count(), kRows - 10);
}

TEST_F(HoldsTest, WithoutAPlanTheBatchThatIsTooMuchIsHeld) {
  Fill();
  Begin();
  for (int i = 0; i < 5; ++i) {
    BatchSpec spec = Deleting(i * 400, (i + 1) * 400, 1);
    spec.planned.reset();
    spec.commit.reset();
    spec.seq = static_cast<std::uint64_t>(i + 1);
    ASSERT_THAT(source_->Send(mirror::People(), spec).status, IsOk()) << i;
  }
  BatchSpec sixth = Deleting(2'000, 2'400, 1);
  sixth.planned.reset();
  sixth.seq = 6;
  EXPECT_TRUE(source_->Send(mirror::People(), sixth).held);
  EXPECT_EQ(Count(), kRows - 2'000);
  EXPECT_EQ(Holds().at(0).rows, 4'000U) << "as many as there are: nobody knows how many are to come";
}

/// Rows that are there, then those that come, then how many of all go.
struct TogetherCase {
  int before, inserted, deleted;
  bool held;
};
class Together : public HoldsTest, public testing::WithParamInterface<TogetherCase> {};

TEST_P(Together, BatchesOfOneRequestAreJudgedAsTheyWouldBeOneByOne) {
  const auto [before, inserted, deleted, held] = GetParam();
  source_->Mirror(mirror::People(), People(0, before), At(1));
  Begin();
  BatchSpec inserts{.rows = People(before, before + inserted), .base_lsn = 1, .target = At(2)};
  BatchSpec deletes = Deleting(0, deleted, 1);
  deletes.planned.reset();
  deletes.seq = 2;

  const auto answer =
      source_->Apply({MakeBatch(mirror::People(), inserts), MakeBatch(mirror::People(), deletes)});

  ASSERT_THAT(answer, IsOk());
  ASSERT_THAT(*answer, SizeIs(2));
  EXPECT_THAT(answer->front().status, IsOk());
  EXPECT_EQ(answer->back().status.ok(), !held) << answer->back().status;
  EXPECT_EQ(answer->back().held, held);
  EXPECT_EQ(Count(), before + inserted - (held ? 0 : deleted));
  EXPECT_THAT(Holds(), SizeIs(held ? 1 : 0));
  if (held) return;
  EXPECT_EQ(Partner(path()).One("SELECT rows_before FROM _mirror_losses"), Cell(before + inserted));
}

INSTANTIATE_TEST_SUITE_P(Batches, Together,
                         testing::Values(TogetherCase{900, 5'000, 4'000, true},
                                         TogetherCase{2'000, 8'000, 3'000, false},
                                         TogetherCase{2'000, 8'000, 6'000, true},
                                         TogetherCase{900, 50, 900, false}));

TEST_F(HoldsTest, WhatIsExpectedIsJudgedBeforeAnythingGoesAndBindsNoBatch) {
  Fill();
  const auto expect = [&](int rows, int from, int to) {
    Begin();
    BatchSpec spec = Deleting(from, to, 1);
    spec.planned = Planned{.expected_deletes = static_cast<std::uint64_t>(rows)};
    spec.commit.reset();
    return source_->Send(mirror::People(), spec);
  };
  const BatchOutcome many = expect(2'400, 0, 10);
  EXPECT_TRUE(many.held);
  EXPECT_THAT(many.status, StatusIs(kFailedPrecondition, HasSubstr("2,400 of 4,000")));
  EXPECT_EQ(Count(), kRows);
  ASSERT_THAT(Holds(), SizeIs(1));
  EXPECT_EQ(Holds()[0].rows, 2'400U);
  ASSERT_THAT(tenant_->DecideHold(Holds()[0].id, HoldState::kCommit, source_->now), IsOk());
  ASSERT_THAT(expect(2'400, 0, 10).status, IsOk());
  BatchSpec more = Deleting(10, 2'400, 1);
  more.seq = 2;
  more.planned.reset();
  EXPECT_THAT(source_->Send(mirror::People(), more).status, IsOk());
  EXPECT_THAT(source_->Complete(), IsOk());
  EXPECT_EQ(Count(), kRows - 2'400);
  EXPECT_THAT(Holds(), IsEmpty());
}

TEST_F(HoldsTest, MoreThanWasExpectedGoesAsFarAsTheBreakerLets) {
  Fill();
  Begin();
  BatchSpec first = Deleting(0, 10, 1);
  first.planned = Planned{.expected_deletes = 10};
  first.commit.reset();
  ASSERT_THAT(source_->Send(mirror::People(), first).status, IsOk());
  BatchSpec second = Deleting(10, 30, 1);
  second.seq = 2;
  second.planned.reset();
  second.commit.reset();
  EXPECT_THAT(source_->Send(mirror::People(), second).status, IsOk());
  BatchSpec third = Deleting(30, 2'400, 1);
  third.seq = 3;
  third.planned.reset();
  EXPECT_TRUE(source_->Send(mirror::People(), third).held);
  EXPECT_EQ(Count(), kRows - 30);
}

TEST_F(HoldsTest, ACommitOfDeletesWithoutAPlanAlsoLetsPassWhatWentBefore) {
  Fill();
  EXPECT_THAT(Delete(0, 1'400, 1).status, IsOk());
  Begin();
  BatchSpec back{.rows = People(0, 1'400), .base_lsn = 2, .target = At(3), .commit = At(3)};
  ASSERT_THAT(source_->Send(mirror::People(), back).status, IsOk());
  ASSERT_THAT(source_->Complete(), IsOk());
  // All of them, in batches that do not say how many will come.
  const auto all = [&] {
    Begin();
    BatchOutcome outcome;
    for (int from = 0; from < kRows && outcome.status.ok(); from += 1'000) {
      BatchSpec spec = Deleting(from, from + 1'000, 3);
      spec.seq = static_cast<std::uint64_t>(from / 1'000 + 1);
      spec.planned.reset();
      if (from + 1'000 < kRows) spec.commit.reset();
      outcome = source_->Send(mirror::People(), spec);
    }
    EXPECT_THAT(source_->Complete(), IsOk());
    return outcome;
  };
  EXPECT_TRUE(all().held);
  ASSERT_THAT(Holds(), SizeIs(1));
  ASSERT_THAT(tenant_->DecideHold(Holds()[0].id, HoldState::kCommit, source_->now), IsOk());
  EXPECT_THAT(all().status, IsOk());
  EXPECT_EQ(Count(), 0);
  EXPECT_THAT(Holds(), IsEmpty());
}

TEST_F(HoldsTest, DeletesOfRowsThatAreNotThereTakeNothing) {
  Fill();
  for (int cycle = 1; cycle < 4; ++cycle) {
    Begin();
    BatchSpec spec = Deleting(kRows, 2 * kRows, cycle);
    spec.planned.reset();
    ASSERT_THAT(source_->Send(mirror::People(), spec).status, IsOk());
    ASSERT_THAT(source_->Complete(), IsOk());
  }
  EXPECT_EQ(Count(), kRows);
  Begin();
  BatchSpec few = Deleting(kRows - 5, 2 * kRows, 4);
  few.planned = Planned{.deletes = 5};
  EXPECT_THAT(source_->Send(mirror::People(), few).status, IsOk()) << "five rows of them are there";
}

TEST_F(HoldsTest, WhatADeadCycleDeletedCountsForThePopulationAfterIt) {
  Fill();
  Begin();
  BatchSpec spec = Deleting(0, 1'600, 1);
  spec.commit.reset();
  ASSERT_THAT(source_->Send(mirror::People(), spec).status, IsOk());
  ASSERT_THAT(source_->Complete(), IsOk());
  ASSERT_EQ(Count(), 2'400);
  // 1,000 of the 2,400 that are left would be missing: with those before, 2,600 of 4,000.
  for (const std::uint64_t inserts : {1'400U, 2'400U}) {
    Begin();
    BatchSpec population{.rows = People(kRows - 1'400, kRows),
                         .populate = PopulateReason::kRequested,
                         .target = At(2),
                         .commit = At(2)};
    population.planned = Planned{.inserts = inserts};
    EXPECT_TRUE(source_->Send(mirror::People(), population).held) << inserts << " were planned";
    EXPECT_THAT(source_->Complete(), IsOk());
  }
  EXPECT_EQ(Count(), 2'400);
}

TEST_F(HoldsTest, DeletesWithoutAPlanAreToldOnceAndStayRefused) {
  Fill();
  const auto all = [&] {
    Begin();
    BatchSpec spec = Deleting(0, 3'000, 1);
    spec.planned.reset();
    const BatchOutcome outcome = source_->Send(mirror::People(), spec);
    EXPECT_TRUE(outcome.held) << outcome.status;
    EXPECT_THAT(source_->Complete(), IsOk());
  };
  const auto told = [&](const std::string& kind) {
    const std::vector<std::string> kinds = catalog_.Kinds();
    return std::count(kinds.begin(), kinds.end(), kind);
  };
  all();
  all();
  EXPECT_EQ(told("hold.deletes"), 1);
  ASSERT_THAT(tenant_->DecideHold(Holds().at(0).id, HoldState::kRollback, source_->now), IsOk());
  const auto failed = told("cycle.failed");
  for (int i = 0; i < 2; ++i) {
    all();
    ASSERT_THAT(Holds(), SizeIs(1));
    EXPECT_EQ(Holds()[0].state, HoldState::kRollback);
  }
  EXPECT_EQ(told("hold.deletes"), 1);
  EXPECT_EQ(told("cycle.failed"), failed) << "an operator refused it, and knows";
}

TEST_F(HoldsTest, AnUpdateOfEveryRowIsNeverHeld) {
  Fill();
  for (int cycle = 1; cycle < 4; ++cycle) {
    Begin();
    BatchSpec spec{
        .rows = People(0, kRows), .base_lsn = cycle, .target = At(cycle + 1), .commit = At(cycle + 1)};
    spec.planned = Planned{.updates = kRows};
    ASSERT_THAT(source_->Send(mirror::People(), spec).status, IsOk());
    ASSERT_THAT(source_->Complete(), IsOk());
  }
}

TEST_F(HoldsTest, APopulationIsJudgedByItsPlanBeforeTheLsnMoves) {
  Fill();
  Begin();
  BatchSpec spec{
      .rows = People(0, 1'000), .populate = PopulateReason::kRequested, .target = At(2), .commit = At(2)};
  spec.planned = Planned{.inserts = 1'000};
  EXPECT_TRUE(source_->Send(mirror::People(), spec).held);
  EXPECT_EQ(Metadata("lsn"), Cell(1));
  EXPECT_EQ(Holds()[0].kind, HoldKind::kPopulation);
}

TEST_F(HoldsTest, AnEmptySourceIsHeld) {
  Fill();
  Begin();
  BatchSpec spec{.rows = {}, .populate = PopulateReason::kRequested, .target = At(2), .commit = At(2)};
  spec.planned = Planned{};
  EXPECT_TRUE(source_->Send(mirror::People(), spec).held);
  EXPECT_EQ(Count(), kRows);
}

TEST_F(HoldsTest, APopulationThatLiesIsHeldAtItsSwap) {
  Fill();
  Begin();
  BatchSpec spec{
      .rows = People(0, 1'000), .populate = PopulateReason::kRequested, .target = At(2), .commit = At(2)};
  spec.planned = Planned{.inserts = kRows};
  const BatchOutcome outcome = source_->Send(mirror::People(), spec);
  EXPECT_TRUE(outcome.held) << outcome.status;
  EXPECT_EQ(Count(), kRows);
  ASSERT_THAT(Holds(), SizeIs(1));
  EXPECT_EQ(Holds()[0].rows, 3'000U);
}

TEST_F(HoldsTest, OtherRowsInTheSameNumberAreHeldAtTheSwap) {
  Fill();
  Begin();
  BatchSpec spec{.rows = People(kRows, 2 * kRows),
                 .populate = PopulateReason::kRequested,
                 .target = At(2),
                 .commit = At(2)};
  spec.planned = Planned{.inserts = kRows};
  EXPECT_TRUE(source_->Send(mirror::People(), spec).held) << "another database altogether";
  EXPECT_EQ(Visible(mirror::People()).front(), (Row{0, "n", 0}));
}

TEST_F(HoldsTest, AWipeIsHeldAtTheSwapAndACommitLetsItPass) {
  Fill();
  for (const bool decided : {false, true}) {
    Begin();
    const auto wiped = tenant_->Wipe(source_->caller, source_->cycle, "people", At(2),
                                     PopulateReason::kRequested, source_->now);
    ASSERT_THAT(wiped, IsOk());
    BatchSpec spec{.rows = People(0, 100), .seq = 2, .target = At(2), .commit = At(2)};
    const BatchOutcome outcome = source_->Send(mirror::People(), spec);
    EXPECT_EQ(outcome.held, !decided) << outcome.status;
    EXPECT_THAT(source_->Complete(), IsOk());
    if (decided) break;
    EXPECT_EQ(Count(), kRows);
    ASSERT_THAT(tenant_->DecideHold(Holds()[0].id, HoldState::kCommit, source_->now), IsOk());
  }
  EXPECT_EQ(Count(), 100);
  EXPECT_THAT(Holds(), IsEmpty());
}

TEST_F(HoldsTest, ATableThatIsNotListedStaysUntilDecided) {
  Fill();
  source_->Begin();
  ASSERT_THAT(source_->Announce({Pairs()}), IsOk());
  EXPECT_THAT(source_->last_announcement->held_tables, testing::ElementsAre("people"));
  EXPECT_THAT(source_->last_announcement->held_reason, HasSubstr("4,000 of 4,000"));
  EXPECT_EQ(Count(), kRows);
  ASSERT_THAT(source_->Complete(), IsOk());

  ASSERT_THAT(tenant_->DecideHold(Holds()[0].id, HoldState::kCommit, source_->now), IsOk());
  source_->Begin();
  ASSERT_THAT(source_->Announce({Pairs()}), IsOk());
  EXPECT_THAT(source_->last_announcement->held_tables, IsEmpty());
  EXPECT_EQ(Partner(path()).One("SELECT count(*) FROM sqlite_schema WHERE name = 'people'"), Cell(0));
}

TEST_F(HoldsTest, ATypingErrorThatWasMendedLeavesNothing) {
  Fill();
  source_->Begin();
  ASSERT_THAT(source_->Announce({Pairs()}), IsOk());
  ASSERT_THAT(source_->Complete(), IsOk());
  Begin();
  EXPECT_THAT(Holds(), IsEmpty());
  EXPECT_EQ(Metadata("lsn"), Cell(1));
}

TEST_F(HoldsTest, AnotherSourceDatabaseWaitsAndTakesNothing) {
  Fill();
  source_->source_id = "a copy";
  source_->Begin();
  const TableAnswer answer = source_->Announced(mirror::People());
  EXPECT_FALSE(answer.wanted);
  EXPECT_EQ(answer.action, SchemaAction::kHeld);
  EXPECT_THAT(answer.reason, HasSubstr("accept-source"));
  EXPECT_THAT(source_->Send(mirror::People(), Deleting(0, 1, 1)).status, StatusIs(kFailedPrecondition));
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_EQ(tenant_->Info()->waiting_source, "a copy");
  EXPECT_THAT(tenant_->DecideHold(Holds()[0].id, HoldState::kCommit, source_->now),
              StatusIs(kFailedPrecondition, HasSubstr("accept-source")));

  ASSERT_THAT(tenant_->AcceptSource(source_->now), IsOk());
  source_->Begin();
  EXPECT_EQ(source_->Announced(mirror::People()).action, SchemaAction::kUnchanged);
  EXPECT_THAT(Holds(), IsEmpty());
  EXPECT_THAT(tenant_->AcceptSource(source_->now), StatusIs(kFailedPrecondition));
}

TEST_F(HoldsTest, TheFirstSourceGoesOnWhileACopyWaits) {
  Fill();
  source_->source_id = "a copy";
  source_->Begin();
  EXPECT_FALSE(source_->Announced(mirror::People()).wanted);
  ASSERT_THAT(source_->Complete(), IsOk());
  source_->source_id = "source";
  Restart();
  EXPECT_THAT(Delete(0, 1, 1).status, IsOk());
  ASSERT_THAT(Holds(), SizeIs(1));
  EXPECT_EQ(tenant_->Info()->waiting_source, "a copy");
  ASSERT_THAT(tenant_->DecideHold(Holds()[0].id, HoldState::kRollback, source_->now), IsOk());
  EXPECT_EQ(tenant_->Info()->waiting_source, "") << "it was refused, and waits no more";
  EXPECT_EQ(tenant_->summary().waiting_source, "");
}

void MissAndCommit(SourceCalls& source, std::int64_t lsn) {
  source.Begin();
  ASSERT_THAT(source.Announce({mirror::People()}), IsOk());
  BatchSpec spec{
      .rows = {{1, "x", 1}}, .populate = PopulateReason::kLineageMiss, .target = At(lsn), .commit = At(lsn)};
  ASSERT_THAT(source.Send(mirror::People(), spec).status, IsOk());
  ASSERT_THAT(source.Complete(), IsOk());
}

TEST_F(HoldsTest, WhatAnAcceptedSourcePopulatesIsNoRestoreUntilItsCycleIsComplete) {
  source_->Mirror(mirror::People(), {{1, "a", 1}}, At(1));
  source_->source_id = "a copy";
  Begin();
  ASSERT_THAT(source_->Complete(), IsOk());
  ASSERT_THAT(tenant_->AcceptSource(source_->now), IsOk());
  EXPECT_THAT(catalog_.Kinds(), Contains("source.accepted"));
  Restart();
  source_->source_id = "a copy";

  MissAndCommit(*source_, 2);
  EXPECT_THAT(catalog_.Messages("source.replaced"), HasSubstr("accepted another source database"));
  EXPECT_THAT(catalog_.Kinds(), Not(Contains("source.restored")));

  MissAndCommit(*source_, 3);
  EXPECT_THAT(catalog_.Kinds(), Contains("source.restored"));
}

TEST_F(HoldsTest, TheFormerSourcesCycleLeavesAnAcceptedOneAccepted) {
  source_->Mirror(mirror::People(), {{1, "a", 1}}, At(1));
  source_->source_id = "a copy";
  Begin();
  ASSERT_THAT(source_->Complete(), IsOk());
  ASSERT_THAT(tenant_->AcceptSource(source_->now), IsOk());
  source_->source_id = "source";
  Begin();
  ASSERT_THAT(source_->Complete(), IsOk());
  source_->source_id = "a copy";

  MissAndCommit(*source_, 2);
  EXPECT_THAT(catalog_.Kinds(), AllOf(Contains("source.replaced"), Not(Contains("source.restored"))));
}

TEST_F(HoldsTest, TwoSourcesThatMissEachOthersCyclesPauseTheTenant) {
  source_->Mirror(mirror::People(), {{1, "a", 1}}, At(1));
  MissAndCommit(*source_, 2);
  EXPECT_FALSE(tenant_->Info()->record.paused) << "a source that was restored";
  MissAndCommit(*source_, 3);
  EXPECT_TRUE(tenant_->Info()->record.paused);
  EXPECT_THAT(catalog_.Messages("tenant.paused"), HasSubstr("two source databases"));
  const auto admission = source_->Authenticate();
  ASSERT_THAT(admission, IsOk());
  EXPECT_TRUE(admission->do_not_replicate);
  EXPECT_EQ(admission->by, PausedBy::kMiss);
  ASSERT_THAT(tenant_->Resume(source_->now), IsOk());
  EXPECT_EQ(catalog_.Messages("tenant.resumed"), "an operator resumed the tenant\n");
  ASSERT_THAT(tenant_->Resume(source_->now), IsOk());
  EXPECT_THAT(catalog_.Messages("tenant.resumed"), HasSubstr("'resume'; the tenant was not paused"));
  MissAndCommit(*source_, 4);
  EXPECT_FALSE(tenant_->Info()->record.paused) << "what was found is settled";
}

TEST_F(HoldsTest, MissesWithAGoodCycleBetweenOrFarApartPauseNothing) {
  source_->Mirror(mirror::People(), {{1, "a", 1}}, At(1));
  MissAndCommit(*source_, 2);
  Begin();
  ASSERT_THAT(source_->Complete(), IsOk());
  MissAndCommit(*source_, 3);
  EXPECT_FALSE(tenant_->Info()->record.paused);
  source_->now += 2 * 3'600'000;
  MissAndCommit(*source_, 4);
  EXPECT_FALSE(tenant_->Info()->record.paused);
}

// --- Populations that leave no row out and replace many
// --------------------------------------------------------

class Replaced : public HoldsTest {
 protected:
  /// `rows`, and then as many under the keys of `next`.
  BatchOutcome Populated(const TableSchema& table, const Rows& rows, const Rows& next) {
    source_->Mirror(table, rows, At(1));
    source_->Begin();
    EXPECT_THAT(source_->Announce({table}), IsOk());
    return source_->Send(
        table, {.rows = next, .populate = PopulateReason::kRequested, .target = At(2), .commit = At(2)});
  }
  /// All of `kRows` rows but those before `from` and from `to` on have other keys in the second.
  BatchOutcome ReplacedBetween(const TableSchema& table, const std::function<Cell(int, bool)>& key, int from,
                               int to) {
    Rows rows, next;
    for (int i = 0; i < kRows; ++i) {
      rows.push_back({key(i, false), "v"});
      next.push_back({key(i, from <= i && i < to), "v"});
    }
    return Populated(table, rows, next);
  }
};

TEST_F(Replaced, SeventySixPercentInTheMiddleAreHeldWhateverTheKeyIs) {
  const auto text = [](int i, bool other) { return Cell(std::to_string(10'000 + i) + (other ? "b" : "a")); };
  const auto any = [](int i, bool other) { return Cell(other ? i + 0.5 : i + 0.25); };
  // One key far away from all others.
  const auto integer = [](int i, bool other) {
    return Cell(i == kRows - 1 ? std::int64_t{1} << 60 : std::int64_t{2} * i + (other ? 1 : 0));
  };
  struct Case {
    std::string name;
    Column key;
    std::function<Cell(int, bool)> value;
  };
  Column any_key = AnyColumn("k", Affinity::kBlob);
  any_key.key_position = 1;
  any_key.nullable = false;
  for (const Case& test : {Case{"texts", KeyColumn("k", Type::kText), text}, Case{"kinds", any_key, any},
                           Case{"numbers", KeyColumn("k", Type::kInt64), integer}}) {
    SCOPED_TRACE(test.name);
    const TableSchema table = NamedTable(test.name, {test.key, PlainColumn("v", Type::kText)});
    const BatchOutcome outcome = ReplacedBetween(table, test.value, 480, 3'520);
    EXPECT_TRUE(outcome.held) << outcome.status;
    EXPECT_THAT(outcome.status, StatusIs(kFailedPrecondition, HasSubstr("3,040")));
    EXPECT_THAT(source_->Complete(), IsOk());
  }
}

TEST_F(Replaced, AQuarterInTheMiddleIsNot) {
  const auto key = [](int i, bool other) { return Cell(std::to_string(10'000 + i) + (other ? "b" : "a")); };
  const TableSchema table = NamedTable("texts", {KeyColumn("k", Type::kText), PlainColumn("v", Type::kText)});
  EXPECT_THAT(ReplacedBetween(table, key, 1'500, 2'500).status, IsOk());
}

TEST_F(Replaced, ATableUnderAnotherKeyIsNotComparedWithItsFormerOne) {
  const TableSchema before = NamedTable("t", {KeyColumn("a", Type::kInt64), PlainColumn("v", Type::kText)});
  const TableSchema after = NamedTable("t", {KeyColumn("b", Type::kInt64), PlainColumn("v", Type::kText)});
  Rows rows;
  for (int i = 0; i < kRows; ++i) rows.push_back({i, "v"});
  source_->Mirror(before, rows, At(1));
  source_->Begin();
  ASSERT_THAT(source_->Announce({after}), IsOk());
  EXPECT_THAT(
      source_
          ->Send(after,
                 {.rows = rows, .populate = PopulateReason::kRequested, .target = At(2), .commit = At(2)})
          .status,
      IsOk());
}

}  // namespace
}  // namespace mirror::holds_test
