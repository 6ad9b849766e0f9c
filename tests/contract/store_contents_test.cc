#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/live_rows.h"
#include "tests/contract/copied_mirror.h"
#include "tests/contract/partner_contract.h"
#include "tests/contract/random_plans.h"

// A mirror that is written into a store of another kind by its contents is the same mirror.

namespace mirror::store_contents_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class StoreContents : public PartnerContract {
 protected:
  StoreContents() : PartnerContract(std::nullopt) {}
  /// Holds and hook notes have numbers of one kind, with the mirror's own tables.
  bool NumbersTogether() const { return GetParam().name == "Postgres"; }
  /// Of `people`, which has rows: losses, receipts and times, a lost column, and EverythingKept().
  void KeepBesideRows();
  Same AfterGoingOn() const { return NumbersTogether() ? Same::kRowsAndRecords : Same::kAll; }
};

void ExpectSameResults(const absl::StatusOr<CommitResult>& got, const absl::StatusOr<CommitResult>& want) {
  ASSERT_EQ(got.status().code(), want.status().code()) << got.status() << "\n" << want.status();
  if (!want.ok()) return;
  ASSERT_EQ(got->steps.size(), want->steps.size());
  for (std::size_t s = 0; s < want->steps.size(); ++s) {
    EXPECT_EQ(got->steps[s].status.code(), want->steps[s].status.code()) << got->steps[s].status;
    EXPECT_EQ(got->steps[s].missing_rows, want->steps[s].missing_rows);
    EXPECT_EQ(got->steps[s].otherwise, want->steps[s].otherwise);
    EXPECT_EQ(got->steps[s].would_lose, want->steps[s].would_lose);
  }
}

/// What stands in each table becomes what is agreed, as after a cycle.
Plan AgreeWithWhatStands(const MemoryMirror& mirror) {
  Plan plan;
  for (const auto& [key, table] : mirror.tables) {
    const auto record = mirror.records.find(key);
    if (record == mirror.records.end()) continue;
    Step step{.table = key, .expected = record->second, .record = record->second};
    step.record->schema_hash = SchemaHash(table.schema);
    step.actions = {AgreeSchema{table.schema}};
    plan.steps.push_back(std::move(step));
  }
  return plan;
}

/// The definitions that populations of a PlanMaker are of.
Plan AgreeAsPopulated(const MemoryMirror& mirror) {
  Plan plan = AgreeWithWhatStands(mirror);
  for (Step& step : plan.steps) {
    const TableSchema fresh = PlanMaker::Fresh(step.table);
    step.record->schema_hash = SchemaHash(fresh);
    step.actions = {AgreeSchema{fresh}};
  }
  return plan;
}

/// A new cycle: what the former one did not commit is gone.
Plan NextCycle(const TenantRecord& tenant) {
  Plan plan;
  plan.tenant = tenant;
  plan.tenant->cycle += 1;
  plan.tenant->active = true;
  plan.forget_old_cycles = true;
  return plan;
}

TEST_P(StoreContents, ACopyGoesOnAsItsOriginalDoes) {
  const auto mirror = std::make_shared<MemoryMirror>();
  MemoryStore memory(mirror, "ctx", kValueBytesMax);
  store_.reset();
  backend_ = GetParam().make();
  store_ = backend_->Open();
  PlanMaker maker(TestSeed(), *mirror);
  for (int round = 0; round < 4 && !HasFailure(); ++round) {
    SCOPED_TRACE(round);
    for (int i = 0; i < 60; ++i) {
      const Plan plan = maker.Next();
      ExpectSameResults(store_->Commit(plan), memory.Commit(plan));
    }
    const Plan agree = AgreeWithWhatStands(*mirror);
    for (Store* store : {static_cast<Store*>(&memory), store_.get()}) {
      ASSERT_THAT(store->Commit(agree), IsOk());
    }
    CopiedMirror copy(*store_);
    ExpectSameMirror(*store_, copy.store());
    const Plan next = NextCycle(mirror->tenant), populated = AgreeAsPopulated(*mirror);
    for (Store* store : {static_cast<Store*>(&memory), store_.get(), &copy.store()}) {
      ASSERT_THAT(store->Commit(next), IsOk());
      ASSERT_THAT(store->Commit(populated), IsOk());
    }
    for (int i = 0; i < 60 && !HasFailure(); ++i) {
      SCOPED_TRACE(i);
      const Plan plan = maker.Next();
      const auto want = memory.Commit(plan);
      ExpectSameResults(store_->Commit(plan), want);
      ExpectSameResults(copy.store().Commit(plan), want);
    }
    const Plan again = AgreeWithWhatStands(*mirror);
    for (Store* store : {static_cast<Store*>(&memory), store_.get(), &copy.store()}) {
      ASSERT_THAT(store->Commit(again), IsOk());
    }
    ExpectSameMirror(*store_, copy.store(), AfterGoingOn());
    EXPECT_THAT(copy.store().upkeep().CheckIntegrity(), IsOk());
    const Plan afterwards = AgreeAsPopulated(*mirror);
    for (Store* store : {static_cast<Store*>(&memory), store_.get()}) {
      ASSERT_THAT(store->Commit(afterwards), IsOk());
    }
  }
}

TEST_P(StoreContents, ACopyInPostgresGoesOnAndComesBackAsItWas) {
  SKIP_WITHOUT_POSTGRES();
  if (Lacks(Capability::kPartnerSql)) GTEST_SKIP() << ToString(Capability::kPartnerSql);
  const auto mirror = std::make_shared<MemoryMirror>();
  MemoryStore memory(mirror, "ctx", kValueBytesMax);
  store_.reset();
  backend_ = GetParam().make();
  store_ = backend_->Open();
  PlanMaker maker(TestSeed(), *mirror);
  for (int i = 0; i < 120; ++i) {
    const Plan plan = maker.Next();
    ExpectSameResults(store_->Commit(plan), memory.Commit(plan));
  }
  // Into tables of an older definition no batch is written.
  Plan agree = AgreeWithWhatStands(*mirror);
  for (Step& step : agree.steps) step.record->state = TableState::kMirrored;
  for (Store* store : {static_cast<Store*>(&memory), store_.get()}) ASSERT_THAT(store->Commit(agree), IsOk());

  PostgresCopy there(*store_);
  ExpectSameMirror(*store_, there.store(), Same::kButNextIds);
  CopiedMirror back(there.store());
  ExpectSameMirror(there.store(), back.store());
  ExpectSameMirror(*store_, back.store(), Same::kButNextIds);
  for (const auto& [key, table] : mirror->tables) {
    EXPECT_EQ(there.backend().Visible(table.schema), Sorted(table.All())) << key;
  }

  const Plan next = NextCycle(mirror->tenant), populated = AgreeAsPopulated(*mirror);
  for (Store* store : {static_cast<Store*>(&memory), &there.store()}) {
    ASSERT_THAT(store->Commit(next), IsOk());
    ASSERT_THAT(store->Commit(populated), IsOk());
  }
  for (int i = 0; i < 120 && !HasFailure(); ++i) {
    SCOPED_TRACE(i);
    const Plan plan = maker.Next();
    const auto want = memory.Commit(plan);
    ExpectSameResults(there.store().Commit(plan), want);
  }
  for (const auto& [key, table] : mirror->tables) {
    EXPECT_EQ(there.backend().Visible(table.schema), Sorted(table.All())) << key;
  }
  EXPECT_TRUE(there.backend().IsWhole());
  EXPECT_THAT(there.store().upkeep().CheckIntegrity(), IsOk());
}

/// All that a store keeps beside rows, with gaps where something went.
Plan EverythingKept(const TenantRecord& tenant) {
  Plan plan;
  plan.now_ms = kNow;
  plan.tenant = tenant;
  plan.tenant->paused = true;
  plan.tenant->pause_reason = "moving";
  plan.tenant->source_id = "machine";
  plan.nonce = Nonce{"nonce", kNow + 60'000};
  plan.answers = [](const std::vector<StepResult>&) {
    return std::vector<SchemaAnswer>{{"people", 2, "why"}, {"Other", 1, ""}};
  };
  plan.cycle_notes = {.changes = {.written = {{CycleNoteKind::kUnannounced, "gone"},
                                              {CycleNoteKind::kRefused, "people", 7}}}};
  plan.checks = {{"people", Equality::kDiffers, Position{Lsn{3}, "line"}, kNow, 5, true}};
  plan.holds = {{.kind = HoldKind::kSource, .rows = 1, .source_id = "other"},
                {.kind = HoldKind::kDeletes, .table = "people", .rows = 9, .keys = {"1", "2"}},
                {.kind = HoldKind::kTables, .tables = {"a", "b"}, .reason = "they went"}};
  plan.known_hooks = {"a", "b"};
  plan.hooks = [](const std::vector<StepResult>&) {
    return std::vector<HookNote>{{0, "a", "table", 7, 5, "{}"}, {0, "b", "table", 7, 6, "[]"}};
  };
  plan.all_as_of = AllAsOf{kNow - 5, {"people"}};
  plan.targets = FreshnessTargets{60'000, {{"people", 5'000}}};
  SourceObjects objects;
  objects.indexes = {{"i", true, {{"name", true, Collation::kNocase}}}};
  plan.source_objects = {{"people", objects}};
  return plan;
}

void StoreContents::KeepBesideRows() {
  for (const bool commit : {true, false}) {
    Step step = StepAt("people", commit ? 2 : 3);
    if (commit) step.record->position = {Lsn{7}, "line"};
    step.loss = Loss{.cycle = kCycle, .at_ms = kNow, .planned = 2, .rows_before = 5, .committed = commit};
    step.source_ms = kNow - 100;
    step.receipt = ReceiptStep{.cycle = kCycle, .seq = 1, .operation = Operation::kInsert, .rows = 2};
    step.receipt->commit = commit;
    step.receipt->digest = HashOf("batch");
    ASSERT_THAT(Run(std::move(step)).status, IsOk());
  }
  ASSERT_THAT(Run(StepAt("people", 4, {AlterTable{{DropColumn{"age"}}}})).status, IsOk());
  ASSERT_THAT(store_->Commit(EverythingKept(Tenant())), IsOk());
}

TEST_P(StoreContents, WhatIsKeptBesideRowsIsKept) {
  Create(People());
  Create(Keyless());
  ASSERT_THAT(Insert(People(), {{1, "Ada", 36}, {2, "Grace", nullptr}}).status, IsOk());
  KeepBesideRows();
  // The last ones go: their numbers are not used again.
  const std::vector<Hold> holds = store_->records().ReadHolds().value();
  Plan settle;
  settle.settled_holds = {holds.front().id, holds.back().id};
  settle.delivered_hooks = {store_->records().ReadHook("b").value()->id};
  ASSERT_THAT(store_->Commit(settle), IsOk());

  CopiedMirror copy(*store_);
  ExpectSameMirror(*store_, copy.store());
  const MirrorContents contents = copy.store().OpenSnapshot().value()->ReadContents().value();
  if (NumbersTogether()) {
    EXPECT_GE(contents.last_hold, holds.back().id);
    EXPECT_GT(contents.last_hook, contents.hooks.back().id);
  } else {
    EXPECT_EQ(contents.last_hold, holds.back().id);
    EXPECT_EQ(contents.last_hook, 2);
  }
  EXPECT_THAT(contents.receipts, testing::SizeIs(1));
  EXPECT_THAT(contents.open_receipts, testing::SizeIs(1));
  EXPECT_THAT(contents.lost_columns, testing::SizeIs(1));
  for (Store* store : {store_.get(), &copy.store()}) {
    ASSERT_THAT(store->Commit(EverythingKept(contents.tenant)), StatusIs(absl::StatusCode::kAlreadyExists));
    Plan again = EverythingKept(contents.tenant);
    again.nonce->value = "another";
    again.holds.erase(again.holds.begin() + 1);  // It is there: whether that takes a number is the store's.
    ASSERT_THAT(store->Commit(again), IsOk());
    std::set<std::uint64_t> ids = {contents.last_hold};
    const std::vector<Hold> now = store->records().ReadHolds().value();
    for (const Hold& hold : now) {
      EXPECT_TRUE(ids.insert(hold.id).second) << hold.id << " was given before";
    }
  }
  ExpectSameMirror(*store_, copy.store(), AfterGoingOn());
}

TEST_P(StoreContents, WhatIsKeptBesideRowsIsKeptInPostgres) {
  SKIP_WITHOUT_POSTGRES();
  Create(People());
  ASSERT_THAT(Insert(People(), {{1, "Ada", 36}}).status, IsOk());
  KeepBesideRows();

  PostgresCopy there(*store_);
  ExpectSameMirror(*store_, there.store(), Same::kButNextIds);
  EXPECT_EQ(there.store().records().ReadReceiptHead().value().number,
            store_->records().ReadReceiptHead().value().number);
  const std::uint64_t last = there.store().OpenSnapshot().value()->ReadContents().value().last_hold;
  Plan again = EverythingKept(there.store().records().ReadTenant().value());
  again.nonce->value = "another";
  again.holds = {{.kind = HoldKind::kDeletes, .table = "other", .rows = 1}};
  ASSERT_THAT(there.store().Commit(again), IsOk());
  EXPECT_GT(there.store().records().ReadHolds().value().back().id, last);
}

TEST_P(StoreContents, RowsOfAnOlderDefinitionStayVisible) {
  Create(People());
  ASSERT_THAT(Insert(People(), {{1, "Ada", 36}, {2, "Grace", nullptr}}).status, IsOk());
  TableSchema later = People();
  later.columns[1] = PlainColumn("name", Type::kBytes);
  later.columns[2].name = "years";
  Step step = StepAt("people", 2, {AgreeSchema{later}});
  step.record->state = TableState::kRepopulate;
  ASSERT_THAT(Run(std::move(step)).status, IsOk());

  CopiedMirror copy(*store_);
  EXPECT_THAT(ReadMirror(copy.path(), People()), ElementsAre(Row{1, "Ada", 36}, Row{2, "Grace", nullptr}));
  EXPECT_EQ(copy.store().records().ReadSchema("people").value(), later);
  EXPECT_EQ(copy.store().records().ReadTable("people").value(), Record("people"));
}

/// A key of texts is of ANY values where the definition of the rows is not known any more.
TEST_P(StoreContents, RowsOfAnOlderDefinitionStayVisibleInPostgresUntilTheNextPopulation) {
  SKIP_WITHOUT_POSTGRES();
  if (Lacks(Capability::kPartnerSql)) GTEST_SKIP() << ToString(Capability::kPartnerSql);
  Create(Pairs());
  ASSERT_THAT(Insert(Pairs(), {{1, "a", "v"}, {2, "b", nullptr}}).status, IsOk());
  TableSchema later = Pairs();
  later.columns[2] = PlainColumn("v", Type::kInt64);
  Step step = StepAt("pairs", 2, {AgreeSchema{later}});
  step.record->state = TableState::kRepopulate;
  ASSERT_THAT(Run(std::move(step)).status, IsOk());

  PostgresCopy there(*store_);
  ExpectSameMirror(*store_, there.store(), Same::kButNextIds);
  EXPECT_EQ(there.backend().See("SELECT a::bigint, b, v FROM pairs ORDER BY b"),
            (Rows{{1, "a", "v"}, {2, "b", nullptr}}));
  CopiedMirror back(there.store());
  EXPECT_EQ(ReadMirror(back.path(), Pairs()), (Rows{{1, "a", "v"}, {2, "b", nullptr}}));

  const TestBatch made = MakeBatch(later, {.rows = {{3, "c", 7}}});
  Step populate = StepAt(
      "pairs", 3,
      {BeginShadow{later, kCycle}, ApplyRows{made.schema.get(), &*made.batch, true, kCycle}, SwapShadow{}});
  const auto populated = there.store().Commit(InCycle({std::move(populate)}));
  ASSERT_THAT(populated, IsOk());
  ASSERT_THAT(populated->steps.front().status, IsOk());
  EXPECT_EQ(there.backend().Visible(later), (Rows{{3, "c", 7}}));
}

TEST_P(StoreContents, LargeValuesAndManyBlocksComeAlong) {
  Create(Pairs());
  Rows rows;
  for (int i = 0; i < 20; ++i) rows.push_back({i, absl::StrCat(i), std::string(200'000, 'a')});
  rows.push_back({20, "z", std::string(5'000'000, 'z')});
  ASSERT_THAT(Insert(Pairs(), rows).status, IsOk());
  CopiedMirror copy(*store_);
  ExpectSameMirror(*store_, copy.store());
  EXPECT_EQ(ReadMirror(copy.path(), Pairs()), Sorted(rows));
}

TEST_P(StoreContents, WhatARunningCycleDidNotCommitIsNamedAndLeftOut) {
  if (Lacks(Capability::kPartnerSql)) GTEST_SKIP() << ToString(Capability::kPartnerSql);
  Create(People());
  ASSERT_THAT(Insert(People(), {{1, "Ada", 36}}).status, IsOk());
  ASSERT_THAT(Run(StepAt("people", 2, {BeginShadow{People(), kCycle}})).status, IsOk());
  ASSERT_THAT(Write(People(), {.rows = {{2, "new", 1}}}, /*into_shadow=*/true).status, IsOk());
  CopiedMirror copy(*store_);
  EXPECT_THAT(copy.left_out(), ElementsAre(AllOf(HasSubstr("running cycle"), HasSubstr("'people'"))));
  ExpectSameMirror(*store_, copy.store());
  EXPECT_THAT(ReadMirror(copy.path(), People()), ElementsAre(Row{1, "Ada", 36}));
}

TEST_P(StoreContents, RowsThatAreNotLiveComeAlongAndWhatIsThePartnersIsNamed) {
  if (Lacks(Capability::kSqlite)) GTEST_SKIP() << ToString(Capability::kSqlite);
  const TableSchema people = Ignoring(People()), marked = Keeping(Pairs(), Deletes::kMark);
  Prepare(people);
  ASSERT_THAT(Write(people, Operation::kDelete, {{2}}).status, IsOk());
  Create(marked);
  ASSERT_THAT(Insert(marked, {{1, "a", "v"}, {2, "b", "v"}}).status, IsOk());
  ASSERT_THAT(Write(marked, Operation::kDelete, {{1, "a"}}).status, IsOk());
  Create(Keyless());
  Step retire = StepAt("keyless", 0, {RetireTable{kNow}});
  retire.record.reset();
  ASSERT_THAT(Run(std::move(retire)).status, IsOk());
  Do("CREATE TABLE mine (x)");
  Do("CREATE INDEX names ON people (name)");
  Do("CREATE VIEW seen AS SELECT * FROM people");

  CopiedMirror copy(*store_);
  EXPECT_THAT(
      copy.left_out(),
      UnorderedElementsAre("column 'note' of table 'people'", "index 'names' of 'people'", "table 'mine'",
                           "view 'seen'", "table 'keyless' that was set aside as '_mirror_dropped_1'"));
  ExpectSameMirror(*store_, copy.store());
  const std::string kept = "SELECT id, name, age, _mirror_owned FROM people ORDER BY id";
  EXPECT_EQ(Partner(copy.path()).Ask(kept), See(kept));
  const std::string marks = "SELECT a, b, v, _mirror_owned, _mirror_deleted_at FROM pairs ORDER BY a";
  EXPECT_EQ(Partner(copy.path()).Ask(marks), See(marks));
  EXPECT_EQ(copy.store().records().ReadTable("people").value(), Record("people"));
}

TEST_P(StoreContents, RowsOfAPartnerComeAlongToPostgresAndBackAndWhatIsHisElseIsNamed) {
  SKIP_WITHOUT_POSTGRES();
  if (Lacks(Capability::kPartnerSql)) GTEST_SKIP() << ToString(Capability::kPartnerSql);
  const TableSchema people = Ignoring(People());
  Prepare(people);
  ASSERT_THAT(Write(people, Operation::kDelete, {{2}}).status, IsOk());
  Do("CREATE INDEX names ON people (name)");
  Do("CREATE VIEW seen AS SELECT id FROM people");
  Create(Keyless());
  Step retire = StepAt("keyless", 0, {RetireTable{kNow}});
  retire.record.reset();
  ASSERT_THAT(Run(std::move(retire)).status, IsOk());
  if (Lacks(Capability::kSqlite)) Do("GRANT SELECT ON people TO PUBLIC; CREATE SEQUENCE mine");

  PostgresCopy there(*store_);
  std::vector<testing::Matcher<std::string>> named = {
      "column 'note' of table 'people'", "index 'names' of 'people'", "view 'seen'",
      testing::StartsWith("table 'keyless' that was set aside as '_mirror_dropped_")};
  if (Lacks(Capability::kSqlite)) {
    named.emplace_back("rights of role 'PUBLIC'");
    named.emplace_back("sequence 'mine'");
  }
  EXPECT_THAT(there.left_out(), testing::UnorderedElementsAreArray(named));
  ExpectSameMirror(*store_, there.store(), Same::kButNextIds);
  const std::string kept = "SELECT id, name, age, _mirror_owned FROM people ORDER BY id";
  EXPECT_EQ(there.backend().See(kept), See(kept));
  CopiedMirror back(there.store());
  EXPECT_THAT(back.left_out(), IsEmpty());
  EXPECT_EQ(Partner(back.path()).Ask(kept), See(kept));
  EXPECT_EQ(back.store().records().ReadTable("people").value(), Record("people"));
}

TEST_P(StoreContents, APostgresThatCannotHoldATableTakesNothing) {
  SKIP_WITHOUT_POSTGRES();
  if (Lacks(Capability::kPreserves)) GTEST_SKIP() << ToString(Capability::kPreserves);
  Create(Pairs());
  Create(Keeping(People(), Deletes::kMark));
  PostgresBackend into;
  EXPECT_THAT(PostgresCopy::Copy(*store_, into),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("people")));
  EXPECT_EQ(into.See("SELECT count(*) FROM pg_namespace WHERE nspname ILIKE 'mirror%'"), (Rows{{0}}));
}

TEST_P(StoreContents, AnImportIntoPostgresIsThereWholeOrNotAtAll) {
  SKIP_WITHOUT_POSTGRES();
  Create(Pairs());
  Rows rows;
  for (int i = 0; i < 20; ++i) rows.push_back({i, absl::StrCat(i), std::string(200'000, 'a')});
  ASSERT_THAT(Insert(Pairs(), rows).status, IsOk());
  PostgresBackend into;
  const std::string schemas = "SELECT count(*) FROM pg_namespace WHERE nspname ILIKE 'mirror%'";
  int asked_max = 0;
  for (bool whole = false; !whole; ++asked_max) {
    SCOPED_TRACE(asked_max);
    int asked = 0;
    const auto copied = PostgresCopy::Copy(*store_, into, [&](std::uint64_t done, std::uint64_t all) {
      EXPECT_LE(done, all);
      EXPECT_EQ(into.See(schemas), (Rows{{0}})) << "nobody sees it yet";
      return asked++ < asked_max;
    });
    whole = copied.ok();
    if (!whole) {
      ASSERT_THAT(copied, StatusIs(absl::StatusCode::kCancelled));
    }
    EXPECT_EQ(into.See(schemas), (Rows{{whole ? 1 : 0}}));
  }
  EXPECT_GT(asked_max, 2);
  EXPECT_EQ(into.Visible(Pairs()), Sorted(rows));
  EXPECT_THAT(PostgresCopy::Copy(*store_, into), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(into.See(schemas), (Rows{{1}}));
}

TEST_P(StoreContents, ACopyOfAnyStoreIsAFileThatBecomesTheMirror) {
  Create(People());
  ASSERT_THAT(Insert(People(), {{1, "Ada", 36}, {2, "Grace", nullptr}}).status, IsOk());
  const ScratchFolder folder, outside;
  const auto home = OpenSqliteHome(folder.path(), SqliteOptions{}).value();
  const std::string path = absl::StrCat(outside.path(), "/copy.db");
  const std::unique_ptr<Snapshot> snapshot = store_->OpenSnapshot().value();
  const auto made = home->CopyOut("ctx", *snapshot, path, GoOnWithTheCopy);
  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(made->bytes, std::filesystem::file_size(path));
  EXPECT_THAT(made->left_out, IsEmpty());
  EXPECT_THAT(home->CopyOut("ctx", *snapshot, path, GoOnWithTheCopy),
              StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_FALSE(home->Exists("ctx"));
  const std::unique_ptr<MirrorCopy> copy = home->NewCopy("ctx").value();
  ASSERT_THAT(copy->CopyOf(path), IsOk());
  ASSERT_THAT(copy->Replace(kNow, GoOnWithTheCopy), IsOk());
  const std::unique_ptr<Store> there = home->Open("ctx", /*create=*/false, nullptr).value();
  ExpectSameMirror(*store_, *there);
}

TEST_P(StoreContents, OwnIndexesAreMadeAgain) {
  if (Lacks(Capability::kPartnerSql)) GTEST_SKIP() << ToString(Capability::kPartnerSql);
  Create(People());
  Plan plan;
  plan.index_changes = {{{absl::StrCat(kOwnIndexPrefix, "1_a"), "people"},
                         {{"name", true, Collation::kNocase}, {"age", false, Collation::kRtrim}}}};
  ASSERT_THAT(store_->Commit(plan), IsOk());
  CopiedMirror copy(*store_);
  ExpectSameMirror(*store_, copy.store());
  IndexChange want = plan.index_changes.front();
  // A number has no collation.
  if (Lacks(Capability::kSqlite)) want.columns[1].collation = Collation::kBinary;
  EXPECT_THAT(copy.store().OpenSnapshot().value()->ReadContents().value().own_indexes, ElementsAre(want));
  if (!PostgresServer::WhyNot().empty()) return;
  PostgresCopy there(*store_);
  want.columns[1].collation = Collation::kBinary;
  EXPECT_THAT(there.store().OpenSnapshot().value()->ReadContents().value().own_indexes, ElementsAre(want));
}

TEST_P(StoreContents, ACopyThatIsNotFinishedLeavesNothing) {
  Create(Pairs());
  Rows rows;
  for (int i = 0; i < 20; ++i) rows.push_back({i, absl::StrCat(i), std::string(200'000, 'a')});
  ASSERT_THAT(Insert(Pairs(), rows).status, IsOk());
  const ScratchFolder folder;
  const auto home = OpenSqliteHome(folder.path(), SqliteOptions{}).value();
  int asked_max = 0;
  for (bool whole = false; !whole; ++asked_max) {
    SCOPED_TRACE(asked_max);
    int asked = 0;
    {
      const std::unique_ptr<Snapshot> snapshot = store_->OpenSnapshot().value();
      const auto import = home->NewImport("ctx").value();
      const auto copied = CopyContents(*snapshot, *import, [&](std::uint64_t done, std::uint64_t all) {
        EXPECT_LE(done, all);
        return asked++ < asked_max;
      });
      whole = copied.ok();
      if (!whole) {
        ASSERT_THAT(copied, StatusIs(absl::StatusCode::kCancelled));
      }
    }
    EXPECT_EQ(home->Exists("ctx"), whole);
    EXPECT_TRUE(std::filesystem::is_empty(absl::StrCat(folder.path(), "/", kWorkFolder)));
  }
  EXPECT_GT(asked_max, 2);
}

TEST_P(StoreContents, AnImportReplacesNoMirrorAndTakesNoOtherTenants) {
  CopiedMirror copy(*store_);
  EXPECT_THAT(copy.home().NewImport("ctx"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("there is a mirror of 'ctx'")));
  const std::unique_ptr<Snapshot> snapshot = store_->OpenSnapshot().value();
  const auto other = copy.home().NewImport("other").value();
  EXPECT_THAT(CopyContents(*snapshot, *other, GoOnWithTheCopy),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("of 'ctx', not of 'other'")));
  // One that came meanwhile.
  const auto late = copy.home().NewImport("late").value();
  MirrorContents contents;
  contents.tenant.context_id = "late";
  ASSERT_THAT(late->Begin(contents), IsOk());
  ASSERT_THAT(copy.home().Open("late", /*create=*/true, nullptr), IsOk());
  EXPECT_THAT(late->Finish(), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_TRUE(copy.home().Exists("late"));
}

TEST_P(StoreContents, ATableThatTheStoreCannotHoldIsRefused) {
  const ScratchFolder folder;
  const auto home = OpenSqliteHome(folder.path(), SqliteOptions{}).value();
  const auto import = home->NewImport("ctx").value();
  MirrorContents contents;
  contents.tenant.context_id = "ctx";
  contents.tables = {{People("sqlite_x"), People("sqlite_x")}};
  EXPECT_THAT(import->Begin(contents), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("sqlite_x")));
  EXPECT_FALSE(home->Exists("ctx"));
}

INSTANTIATE_TEST_SUITE_P(EveryStore, StoreContents, testing::ValuesIn(EveryBackend()), NameOfBackend);

}  // namespace
}  // namespace mirror::store_contents_test
