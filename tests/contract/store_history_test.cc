#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "server/journal/journal_rules.h"
#include "server/journal/key_block.h"
#include "server/store/snapshot.h"
#include "tests/contract/store_contract.h"

// The journal says what was written, and versions what stood: in every store, and as of every commit.

namespace mirror::store_history_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr bool kGoOn = true;

class History : public StoreContract {
 protected:
  void SetUp() override {
    StoreContract::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    if (GetParam().name == "Memory") GTEST_SKIP() << "this store notes nothing beside its rows";
    SetRules(true);
  }

  void SetRules(bool history) {
    history_ = history;
    JournalConfig config;
    config.rules.push_back({.journal = true, .history = history});
    store_->SetJournal(JournalRulesOf(config, "ctx"));
  }
  void OpenAgain() {
    Reopen();
    SetRules(history_);
  }

  /// A step that brings the table to the next LSN.
  Step CommitAt(const std::string& table, std::vector<Action> actions) {
    Step step = StepAt(table, Record(table).value().seq + 1, std::move(actions));
    step.record->position = Position{Lsn{++lsn_}, "line"};
    step.commits = true;
    return step;
  }
  void Apply(const TableSchema& table, Operation operation, Rows rows, bool commits = true,
             std::vector<std::string> columns = {}) {
    BatchSpec spec;
    spec.operation = operation;
    spec.rows = std::move(rows);
    spec.columns = std::move(columns);
    const TestBatch made = MakeBatch(table, spec);
    ASSERT_THAT(made.batch, IsOk());
    const std::vector<Action> actions = {ApplyRows{made.schema.get(), &*made.batch, false, kCycle}};
    Step step = commits ? CommitAt(table.name, actions)
                        : StepAt(table.name, Record(table.name).value().seq + 1, actions);
    ASSERT_THAT(Run(std::move(step)).status, IsOk());
  }
  void Populate(const TableSchema& table, Rows rows, bool commits = true) {
    ASSERT_THAT(Run(StepAt(table.name, 1, {BeginShadow{table, kCycle}})).status, IsOk());
    if (!rows.empty()) {
      BatchSpec spec;
      spec.rows = std::move(rows);
      ASSERT_THAT(Write(table, spec, true).status, IsOk());
    }
    if (commits) {
      ASSERT_THAT(Run(CommitAt(table.name, {SwapShadow{}})).status, IsOk());
    }
  }

  std::unique_ptr<Snapshot> Look() { return store_->OpenSnapshot().value(); }
  std::vector<JournalEntry> Entries(const std::string& table = "") {
    return Look()->journal().ReadAfter({.table = table}).value();
  }
  std::vector<std::string> Operations() {
    std::vector<std::string> names;
    for (const JournalEntry& entry : Entries()) names.emplace_back(ToString(entry.operation));
    return names;
  }
  /// Whole numbers of a first key column.
  static std::vector<std::int64_t> Numbers(const JournalEntry& entry) {
    std::vector<std::int64_t> numbers;
    const KeyBlock block = UnpackKeys(entry.keys).value();
    for (const Key& key : block.keys) numbers.push_back(key[0].integer);
    return numbers;
  }
  std::int64_t LastMoment(const std::string& table) {
    const auto commits = Look()->journal().FindCommits(table, {.moment = INT64_MAX}).value();
    return commits.empty() ? 0 : commits.front().number;
  }

  static Rows CellsOf(const TableSchema& table, RowBlock* block) {
    const ChangeBatch view = ViewOf(table, block);
    Rows rows(view.row_count);
    for (const ColumnView& column : view.columns) {
      for (std::uint32_t row = 0; row < view.row_count; ++row) {
        const Value value = column.At(row);
        Cell cell;
        cell.kind = value.kind;
        cell.integer = value.integer;
        cell.real = value.real;
        cell.bytes = std::string(value.bytes);
        rows[row].push_back(cell);
      }
    }
    return rows;
  }
  static std::vector<std::uint32_t> AllOf(const TableSchema& table) {
    std::vector<std::uint32_t> all;
    for (std::uint32_t i = 0; i < table.columns.size(); ++i) all.push_back(i);
    return all;
  }
  Rows AsOfMoment(const std::string& table, std::int64_t moment) {
    const std::unique_ptr<Snapshot> snapshot = Look();
    const TableHistory history = snapshot->versions().ReadHistory(table).value().value();
    Rows all;
    const absl::Status read = snapshot->versions().ReadRowsAsOf(
        history, moment, AllOf(history.schema), {}, 1 << 10, [] { return kGoOn; },
        [&](RowBlock* block) {
          for (Row& row : CellsOf(history.schema, block)) all.push_back(std::move(row));
          return absl::OkStatus();
        });
    EXPECT_THAT(read, IsOk());
    return all;
  }
  struct Seen {
    std::int64_t from, until;
    bool is_insert;
    Row row;
    friend bool operator==(const Seen&, const Seen&) = default;
  };
  std::vector<Seen> VersionsOf(const std::string& table, std::int64_t id) {
    const std::unique_ptr<Snapshot> snapshot = Look();
    const TableHistory history = snapshot->versions().ReadHistory(table).value().value();
    std::vector<Seen> seen;
    const absl::Status read = snapshot->versions().ReadVersions(
        history, {KeyPart{.kind = Kind::kInteger, .integer = id}},
        [&](const RowVersion& version, RowBlock* row) -> absl::StatusOr<bool> {
          seen.push_back({version.from, version.until, version.is_insert, CellsOf(history.schema, row)[0]});
          return true;
        });
    EXPECT_THAT(read, IsOk());
    return seen;
  }

  std::int64_t lsn_ = 100;

 private:
  bool history_ = true;
};

TEST_P(History, ACommitOfOneBatchIsOneEntry) {
  Create(People());
  Apply(People(), Operation::kInsert, {{3, "c", 30}, {1, "a", 10}, {2, "b", 20}});
  const std::vector<JournalEntry> entries = Entries();
  ASSERT_THAT(entries, SizeIs(1));
  const JournalEntry& entry = entries[0];
  EXPECT_EQ(entry.number, 1);
  EXPECT_EQ(entry.moment, 1);
  EXPECT_NE(entry.salt, 0);
  EXPECT_EQ(entry.table, "people");
  EXPECT_EQ(entry.operation, JournalOperation::kInsert);
  EXPECT_EQ(entry.rows, 3U);
  EXPECT_THAT(Numbers(entry), ElementsAre(1, 2, 3));
  EXPECT_EQ(entry.cycle, kCycle);
  ASSERT_TRUE(entry.commit);
  EXPECT_EQ(entry.commit->position, (Position{Lsn{101}, "line"}));
  EXPECT_EQ(entry.commit->row_count, 3);
  EXPECT_EQ(entry.commit->done_ms, kNow);
  const JournalBounds bounds = Look()->journal().ReadBounds().value();
  EXPECT_EQ(bounds.floor, JournalToken{});
  EXPECT_EQ(bounds.last, (JournalToken{1, entry.salt}));
  EXPECT_EQ(Look()->journal().ReadSalt(1).value(), entry.salt);
  EXPECT_EQ(Look()->journal().ReadSalt(2).value(), std::nullopt);
}

TEST_P(History, WhatBelongsToOneCommitHasOneMoment) {
  Create(People());
  Apply(People(), Operation::kInsert, {{1, "a", 10}, {2, "b", 20}}, false);
  EXPECT_FALSE(Entries()[0].commit);
  Apply(People(), Operation::kUpdate, {{1, 11}}, false, {"id", "age"});
  Begin(kCycle + 1);  // The cycle died: nobody confirmed what it left.
  Begin(kCycle);
  Apply(People(), Operation::kDelete, {{2}});
  const std::vector<JournalEntry> entries = Entries();
  ASSERT_THAT(entries, SizeIs(3));
  for (const JournalEntry& entry : entries) {
    EXPECT_EQ(entry.moment, 1);
    ASSERT_TRUE(entry.commit);
    EXPECT_EQ(entry.commit->position.lsn, Lsn{101});
  }
  EXPECT_THAT(entries[1].columns, ElementsAre("age"));
  EXPECT_THAT(Operations(), ElementsAre("INSERT", "UPDATE", "DELETE"));
  Apply(People(), Operation::kInsert, {{9, "z", 90}});
  EXPECT_EQ(Entries()[3].moment, Entries()[3].number);
}

TEST_P(History, ARefusedStepNotesNothing) {
  Create(People());
  Apply(People(), Operation::kInsert, {{1, "a", 10}});
  EXPECT_FALSE(Write(People(), Operation::kUpdate, {{7, "x", 1}}).status.ok());
  EXPECT_THAT(Operations(), ElementsAre("INSERT"));
  EXPECT_THAT(VersionsOf("people", 7), IsEmpty());
}

TEST_P(History, WithoutRulesNothingIsNoted) {
  store_->SetJournal(nullptr);
  Create(People());
  Apply(People(), Operation::kInsert, {{1, "a", 10}});
  EXPECT_THAT(Entries(), IsEmpty());
  EXPECT_EQ(Look()->versions().ReadHistory("people").value(), std::nullopt);
  EXPECT_THAT(store_->upkeep().ReadHistories().value(), IsEmpty());
}

TEST_P(History, VersionsTellWhatStoodUntilWhen) {
  Create(People());
  Populate(People(), {{1, "a", 10}});
  Apply(People(), Operation::kInsert, {{1, "a2", 10}, {2, "b", 20}});
  const std::int64_t second = LastMoment("people");
  Apply(People(), Operation::kDelete, {{2}});
  const std::int64_t third = LastMoment("people");
  Apply(People(), Operation::kInsert, {{2, "b2", 21}});
  const std::int64_t fourth = LastMoment("people");
  EXPECT_THAT(VersionsOf("people", 1),
              ElementsAre(Seen{second, 0, false, {1, "a2", 10}}, Seen{0, second, false, {1, "a", 10}}));
  EXPECT_THAT(VersionsOf("people", 2),
              ElementsAre(Seen{fourth, 0, true, {2, "b2", 21}}, Seen{second, third, true, {2, "b", 20}}));
  EXPECT_EQ(AsOfMoment("people", second - 1), (Rows{{1, "a", 10}}));
  EXPECT_EQ(AsOfMoment("people", second), (Rows{{1, "a2", 10}, {2, "b", 20}}));
  EXPECT_EQ(AsOfMoment("people", third), (Rows{{1, "a2", 10}}));
  EXPECT_EQ(AsOfMoment("people", fourth), (Rows{{1, "a2", 10}, {2, "b2", 21}}));
}

// H9
TEST_P(History, TheSameValueMakesNoVersion) {
  Create(People());
  Apply(People(), Operation::kInsert, {{1, "a", 10}, {2, nullptr, 20}});
  Apply(People(), Operation::kInsert, {{1, "a", 10}, {2, nullptr, 20}});
  Apply(People(), Operation::kUpdate, {{1, "a"}}, true, {"id", "name"});
  EXPECT_THAT(VersionsOf("people", 1), SizeIs(1));
  EXPECT_THAT(VersionsOf("people", 2), SizeIs(1));
  // But each is an entry: it was written.
  EXPECT_THAT(Operations(), ElementsAre("INSERT", "INSERT", "UPDATE"));
  Apply(People(), Operation::kUpdate, {{2, "b"}}, true, {"id", "name"});
  EXPECT_THAT(VersionsOf("people", 2), SizeIs(2));
}

TEST_P(History, OfAnAnyColumnTheKindOfANumberCounts) {
  const TableSchema table =
      NamedTable("anys", {KeyColumn("id", Type::kInt64), AnyColumn("v", Affinity::kBlob)});
  Create(table);
  Apply(table, Operation::kInsert, {{1, 1}});
  Apply(table, Operation::kInsert, {{1, 1}});
  EXPECT_THAT(VersionsOf("anys", 1), SizeIs(1));
  Apply(table, Operation::kInsert, {{1, 1.0}});
  EXPECT_THAT(VersionsOf("anys", 1), SizeIs(2));
  Apply(table, Operation::kInsert, {{1, "1"}});
  EXPECT_THAT(VersionsOf("anys", 1), SizeIs(3));
}

TEST_P(History, LargeValuesAreComparedWhenTheyAreThere) {
  Create(People());
  Apply(People(), Operation::kInsert, {{1, "abcdef", 10}, {2, "b", 20}});
  ASSERT_THAT(Part("people", 5, 0, "abcdef").status, IsOk());
  Apply(People(), Operation::kInsert, {{1, Large(5, 6, Kind::kText), 10}, {2, "b", 21}});
  EXPECT_THAT(VersionsOf("people", 1), SizeIs(1));
  EXPECT_THAT(VersionsOf("people", 2), SizeIs(2));
  ASSERT_THAT(Part("people", 6, 0, "ghi").status, IsOk());
  Apply(People(), Operation::kInsert, {{1, Large(6, 3, Kind::kText), 10}});
  EXPECT_EQ(VersionsOf("people", 1)[1].row, (Row{1, "abcdef", 10}));
}

// H7
TEST_P(History, ACycleThatDiesBetweenBatchesMakesNoMoment) {
  Create(People());
  Apply(People(), Operation::kInsert, {{1, "a", 10}});
  const std::int64_t first = LastMoment("people");
  Apply(People(), Operation::kInsert, {{1, "half", 10}}, false);
  Apply(People(), Operation::kInsert, {{1, "whole", 10}});
  const std::int64_t second = LastMoment("people");
  EXPECT_EQ(AsOfMoment("people", first), (Rows{{1, "a", 10}}));
  EXPECT_EQ(AsOfMoment("people", second), (Rows{{1, "whole", 10}}));
  EXPECT_THAT(VersionsOf("people", 1), SizeIs(2));
}

// H8
TEST_P(History, APopulationMakesVersionsOfWhatDiffersAlone) {
  Create(People());
  Rows rows;
  for (int id = 1; id <= 200; ++id) rows.push_back({id, "n" + std::to_string(id), id});
  Populate(People(), rows);
  EXPECT_THAT(Operations(), ElementsAre("POPULATED"));
  const std::int64_t first = LastMoment("people");
  const Rows before = rows;
  rows[9][1] = Cell("other");
  rows.erase(rows.begin() + 19);
  rows.push_back({777, "new", 7});
  Populate(People(), rows);
  const std::vector<JournalEntry> entries = Entries();
  std::map<JournalOperation, std::vector<std::int64_t>> keys;
  for (std::size_t i = 1; i < entries.size(); ++i) keys[entries[i].operation] = Numbers(entries[i]);
  EXPECT_THAT(keys[JournalOperation::kUpdate], ElementsAre(10));
  EXPECT_THAT(keys[JournalOperation::kDelete], ElementsAre(20));
  EXPECT_THAT(keys[JournalOperation::kInsert], ElementsAre(777));
  EXPECT_EQ(AsOfMoment("people", first), before);
  EXPECT_THAT(VersionsOf("people", 11), SizeIs(1));
  EXPECT_THAT(VersionsOf("people", 777), ElementsAre(Seen{LastMoment("people"), 0, true, {777, "new", 7}}));
}

// H15, and other changes of a definition.
TEST_P(History, VersionsFollowADefinition) {
  Create(People());
  Apply(People(), Operation::kInsert, {{1, "a", 10}});
  Apply(People(), Operation::kInsert, {{1, "b", 11}});
  const std::int64_t before = LastMoment("people");
  TableSchema next = People();
  next.columns[1].name = "title";
  next.columns.erase(next.columns.begin() + 2);
  next.columns.push_back(PlainColumn("extra", Type::kText));
  Step step = StepAt("people", 5,
                     {AlterTable{{RenameColumn{"name", "title"}, DropColumn{"age"},
                                  AddColumn{PlainColumn("extra", Type::kText)}}},
                      AgreeSchema{next}});
  step.record->schema_hash = SchemaHash(next);
  ASSERT_THAT(Run(std::move(step)).status, IsOk());
  Apply(next, Operation::kInsert, {{1, "c", "x"}});
  EXPECT_EQ(AsOfMoment("people", before), (Rows{{1, "b", nullptr}}));
  EXPECT_EQ(AsOfMoment("people", LastMoment("people")), (Rows{{1, "c", "x"}}));
  if (Lacks(Capability::kPartnerSql)) return;
  // What was dropped stands in the versions of then.
  EXPECT_EQ(See("SELECT count(*) FROM people_history"), (Rows{{3}}));
}

// A table that kept a partner's rows is to keep none: the rows that its population takes away are his.
TEST_P(History, RowsOfOthersAreNoVersionsWhenTheirMarksGo) {
  if (Lacks(Capability::kPartnerSql)) return;
  TableSchema keeping = People();
  keeping.deletes = Deletes::kIgnore;
  Create(keeping);
  Populate(keeping, {{1, "a", 10}, {2, "b", 20}});
  const std::int64_t first = LastMoment("people");
  backend_->Do("INSERT INTO people (id, name, age) VALUES (100, 'own', 7)");
  Step agree = StepAt("people", Record("people").value().seq + 1, {AgreeSchema{People()}});
  agree.record->schema_hash = SchemaHash(People());
  ASSERT_THAT(Run(std::move(agree)).status, IsOk());
  EXPECT_EQ(AsOfMoment("people", first), (Rows{{1, "a", 10}, {2, "b", 20}}));
  Populate(People(), {{1, "a", 11}});
  EXPECT_EQ(AsOfMoment("people", first), (Rows{{1, "a", 10}, {2, "b", 20}}));
  EXPECT_THAT(VersionsOf("people", 100), SizeIs(0));
  EXPECT_EQ(See("SELECT count(*) FROM people_history WHERE id = 100"), (Rows{{0}}));
}

TEST_P(History, WhatATableHadIsSetAsideWithIt) {
  Create(People());
  Apply(People(), Operation::kInsert, {{1, "a", 10}});
  Step drop = StepAt("people", 1, {DropTable{}});
  drop.record.reset();
  ASSERT_THAT(Run(std::move(drop)).status, IsOk());
  EXPECT_EQ(Operations().back(), "GONE");
  EXPECT_EQ(Look()->versions().ReadHistory("people").value(), std::nullopt);
  EXPECT_EQ(backend_->Leftovers()[2], 1);
  Create(People());
  Apply(People(), Operation::kInsert, {{1, "z", 10}});
  EXPECT_THAT(VersionsOf("people", 1), SizeIs(1));
}

TEST_P(History, TrimmingLeavesTheLastEntryAndSaysHowFarItWent) {
  SetRules(false);
  Create(People());
  for (int i = 1; i <= 10; ++i) Apply(People(), Operation::kInsert, {{i, "a", 10}});
  const std::int64_t salt = Entries()[6].salt;
  Plan plan;
  plan.trim_journal_through = 7;
  EXPECT_EQ(store_->Commit(plan).value().journal_trimmed, 7);
  EXPECT_THAT(Entries(), SizeIs(3));
  EXPECT_EQ(Look()->journal().ReadBounds().value().floor, (JournalToken{7, salt}));
  EXPECT_EQ(Look()->journal().ReadSalt(7).value(), salt);
  EXPECT_EQ(Look()->journal().ReadSalt(6).value(), std::nullopt);
  plan.trim_journal_through = 1'000;
  ASSERT_THAT(store_->Commit(plan), IsOk());
  EXPECT_THAT(Entries(), SizeIs(1));
  Apply(People(), Operation::kInsert, {{11, "a", 10}});
  EXPECT_EQ(Entries().back().number, 11);
  EXPECT_EQ(Look()->journal().FindTrim({kNow + 1, kNow}, 1'000'000).value(), 11);
  EXPECT_EQ(Look()->journal().FindTrim({kNow, kNow}, 1'000'000).value(), 0);
  EXPECT_EQ(Look()->journal().FindTrim({kNow, kNow}, 150).value(), 10);
}

TEST_P(History, MomentsOfAHistoryStayWhereTheJournalIsTrimmed) {
  Create(People());
  for (int i = 1; i <= 5; ++i) Apply(People(), Operation::kInsert, {{1, "v" + std::to_string(i), i}});
  const std::int64_t last = LastMoment("people");
  Plan plan;
  plan.trim_journal_through = 4;
  ASSERT_THAT(store_->Commit(plan), IsOk());
  EXPECT_THAT(Entries(), SizeIs(1));
  const auto found = Look()->journal().FindCommits("people", {.lsn = 103}).value();
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0].number, last - 2);
  EXPECT_EQ(AsOfMoment("people", found[0].number), (Rows{{1, "v3", 3}}));
}

// H14: a reader beside a cut sees the table as of then, or is told.
TEST_P(History, ACutTakesTheOldestVersionsAndSaysSo) {
  Create(People());
  Populate(People(), {{1, "v0", 0}, {2, "w", 0}});
  for (int i = 1; i <= 5; ++i) Apply(People(), Operation::kInsert, {{1, "v" + std::to_string(i), i}});
  const std::int64_t last = LastMoment("people");
  const std::unique_ptr<Snapshot> before = Look();
  Plan plan;
  plan.history_cuts = {{"people", last - 2}};
  EXPECT_EQ(store_->Commit(plan).value().versions_cut, 3);
  EXPECT_EQ(before->versions().ReadHistory("people").value()->known_from, 1);
  EXPECT_EQ(Look()->versions().ReadHistory("people").value()->known_from, last - 2);
  EXPECT_EQ(AsOfMoment("people", last - 2), (Rows{{1, "v3", 3}, {2, "w", 0}}));
  EXPECT_EQ(VersionsOf("people", 1).back(), (Seen{0, last - 1, false, {1, "v3", 3}}));
  const TableHistory history = Look()->versions().ReadHistory("people").value().value();
  EXPECT_EQ(Look()->versions().FindCut(history, {}, UINT64_MAX).value(), 0);
  EXPECT_EQ(Look()->versions().FindCut(history, {kNow + 1, kNow}, UINT64_MAX).value(), last);
  EXPECT_EQ(Look()->versions().FindCut(history, {}, 100).value(), last - 1);
  EXPECT_EQ(Look()->versions().FindCut(history, {}, 1'000'000).value(), 0);
}

// H10
TEST_P(History, AnLsnThatPassedTwiceHasTwoMoments) {
  Create(People());
  Apply(People(), Operation::kInsert, {{1, "a", 1}});  // 101
  Apply(People(), Operation::kInsert, {{1, "b", 2}});  // 102
  Apply(People(), Operation::kInsert, {{1, "c", 3}});  // 103
  lsn_ = 101;                                          // The source was restored.
  Apply(People(), Operation::kInsert, {{1, "d", 4}});  // 102
  Apply(People(), Operation::kInsert, {{1, "e", 5}});  // 103
  const auto twice = Look()->journal().FindCommits("people", {.lsn = 102}).value();
  ASSERT_THAT(twice, SizeIs(2));
  EXPECT_EQ(twice[0].number, 4);
  EXPECT_EQ(twice[1].number, 2);
  // The last one before the restore, and where it came to again.
  const auto last = Look()->journal().FindCommits("people", {.lsn = 103}).value();
  ASSERT_THAT(last, SizeIs(2));
  EXPECT_EQ(last[0].number, 5);
  EXPECT_EQ(last[1].number, 3);
  EXPECT_THAT(Look()->journal().FindCommits("people", {.lsn = 101}).value(), SizeIs(1));
}

// H12: a rule hides the column that gets it, and no other.
TEST_P(History, AColumnThatHadItsRuleBeforeKeepsItsVersions) {
  TableSchema people = People();
  people.columns[1].rule = Rule::kMasked;
  Create(people);
  const TableSchema kept = KeptForm(people);
  Populate(kept, {{1, "a*", 10}, {2, "b*", 20}});
  const std::int64_t first = LastMoment("people");
  people.columns[2].rule = Rule::kMasked;
  Step agree = StepAt("people", Record("people").value().seq + 1, {AgreeSchema{people}});
  agree.record->schema_hash = SchemaHash(people);
  ASSERT_THAT(Run(std::move(agree)).status, IsOk());
  Populate(KeptForm(people), {{1, "c*", "1*"}, {2, "b*", "2*"}});
  EXPECT_EQ(AsOfMoment("people", first), (Rows{{1, "a*", nullptr}, {2, "b*", "2*"}}));
  EXPECT_THAT(VersionsOf("people", 1), SizeIs(2));
  const std::int64_t second = LastMoment("people");
  Populate(KeptForm(people), {{1, "c*", "3*"}, {2, "b*", "2*"}});
  EXPECT_EQ(AsOfMoment("people", second), (Rows{{1, "c*", "1*"}, {2, "b*", "2*"}}));
}

// H12: what stood under a name that others have now is hidden by a rule, too.
TEST_P(History, ARuleEmptiesColumnsThatWentBefore) {
  if (Lacks(Capability::kPartnerSql)) return;
  const auto alter = [&](const TableSchema& to, decltype(AlterTable::changes) changes) {
    std::vector<Action> actions;
    if (!changes.empty()) actions.push_back(AlterTable{std::move(changes)});
    actions.push_back(AgreeSchema{to});
    Step step = StepAt("people", Record("people").value().seq + 1, std::move(actions));
    step.record->schema_hash = SchemaHash(to);
    ASSERT_THAT(Run(std::move(step)).status, IsOk());
  };
  TableSchema people = People();
  Create(people);
  Populate(people, {{1, "secret", 10}});
  Apply(people, Operation::kInsert, {{1, "later", 10}});
  TableSchema without = people;
  without.columns.erase(without.columns.begin() + 1);
  alter(without, {DropColumn{"name"}});
  TableSchema again = without;
  again.columns.push_back(PlainColumn("name", Type::kText));
  alter(again, {AddColumn{again.columns.back()}});
  Apply(again, Operation::kInsert, {{1, 10, "new"}});
  const auto secrets = [&] {
    const std::string versions = See("SELECT versions FROM _mirror_history")[0][0].bytes;
    const std::string columns =
        Lacks(Capability::kSqlite)
            ? "SELECT column_name::text FROM information_schema.columns WHERE table_name = '" + versions + "'"
            : "SELECT name FROM pragma_table_info('" + versions + "')";
    std::string former;
    for (const Row& row : See(columns)) {
      if (absl::StartsWith(row[0].bytes, "_mirror_former_")) former = row[0].bytes;
    }
    return See("SELECT count(*) FROM " + versions + " WHERE " + former + " = 'secret'");
  };
  EXPECT_EQ(secrets(), (Rows{{1}}));
  TableSchema masked = again;
  masked.columns.back().rule = Rule::kMasked;
  alter(masked, {});
  EXPECT_EQ(secrets(), (Rows{{0}}));
}

// A name that goes is given to another column in the same change.
TEST_P(History, AColumnTakesTheNameOfOneThatGoes) {
  Create(People());
  Apply(People(), Operation::kInsert, {{1, "a", 10}});
  Apply(People(), Operation::kInsert, {{1, "b", 11}});
  const std::int64_t before = LastMoment("people");
  TableSchema next = People();
  next.columns.erase(next.columns.begin() + 1);
  next.columns[1].name = "name";
  Step step = StepAt("people", Record("people").value().seq + 1,
                     {AlterTable{{DropColumn{"name"}, RenameColumn{"age", "name"}}}, AgreeSchema{next}});
  step.record->schema_hash = SchemaHash(next);
  ASSERT_THAT(Run(std::move(step)).status, IsOk());
  Apply(next, Operation::kInsert, {{1, 12}});
  EXPECT_EQ(AsOfMoment("people", before), (Rows{{1, 11}}));
  EXPECT_EQ(AsOfMoment("people", before - 1), (Rows{{1, 10}}));
}

// One goes, and another one of its name comes, in the same change.
TEST_P(History, AColumnThatIsReplacedLeavesItsValues) {
  Create(People());
  Apply(People(), Operation::kInsert, {{1, "a", 10}, {2, "b", 20}});
  Apply(People(), Operation::kInsert, {{1, "c", 11}});
  const std::int64_t before = LastMoment("people");
  TableSchema next = People();
  next.columns.erase(next.columns.begin() + 1);
  next.columns.push_back(PlainColumn("name", Type::kText));
  Step step = StepAt(
      "people", Record("people").value().seq + 1,
      {AlterTable{{DropColumn{"name"}, AddColumn{PlainColumn("name", Type::kText)}}}, AgreeSchema{next}});
  step.record->schema_hash = SchemaHash(next);
  ASSERT_THAT(Run(std::move(step)).status, IsOk());
  EXPECT_EQ(AsOfMoment("people", before), (Rows{{1, 11, nullptr}, {2, 20, nullptr}}));
  EXPECT_EQ(AsOfMoment("people", before - 1), (Rows{{1, 10, nullptr}, {2, 20, nullptr}}));
}

// Rows that stand under the former names until a population cannot be compared: no wrong value is shown.
TEST_P(History, WhereAPopulationBringsARenameTheHistoryBeginsAnew) {
  TableSchema people = People();
  people.table_id = 7;
  for (std::size_t i = 0; i < people.columns.size(); ++i) people.columns[i].column_id = i + 1;
  Create(people);
  Apply(people, Operation::kInsert, {{1, "a", 10}});
  Apply(people, Operation::kInsert, {{1, "b", 11}});
  TableSchema next = people;
  next.columns[1].name = "title";
  Step agree = StepAt("people", Record("people").value().seq + 1, {AgreeSchema{next}});
  agree.record->schema_hash = SchemaHash(next);
  ASSERT_THAT(Run(std::move(agree)).status, IsOk());
  EXPECT_EQ(Look()->versions().ReadHistory("people").value(), std::nullopt);
  Populate(next, {{1, "b", 12}});
  const std::int64_t first = LastMoment("people");
  Apply(next, Operation::kInsert, {{1, "c", 12}});
  EXPECT_EQ(AsOfMoment("people", first), (Rows{{1, "b", 12}}));
}

// A version is what stood before the moment's first change, in whatever order its batches come, and whoever
// writes in between.
TEST_P(History, BatchesOfOneMomentKeepWhatStoodBeforeIt) {
  Create(People());
  Rows before;
  for (int id = 1; id <= 900; ++id) before.push_back({id, "v0", id});
  Populate(People(), before);
  const std::int64_t first = LastMoment("people");
  const auto change = [&](int from, int to, const std::string& name) {
    Rows rows;
    for (int id = from; id <= to; ++id) rows.push_back({id, name, id});
    Apply(People(), Operation::kInsert, std::move(rows), false);
  };
  change(1, 300, "v1");
  change(301, 600, "v1");
  change(250, 650, "v2");
  change(601, 603, "v3");
  change(901, 901, "v3");
  change(901, 902, "v4");
  OpenAgain();
  change(100, 100, "v5");
  change(700, 700, "v5");
  change(700, 701, "v6");
  Apply(People(), Operation::kUpdate, {{702, "v7"}, {701, "v7"}}, false, {"id", "name"});
  Apply(People(), Operation::kDelete, {{1}, {701}}, false);
  EXPECT_EQ(AsOfMoment("people", first), before);
  Apply(People(), Operation::kDelete, {{2}, {901}});
  EXPECT_EQ(AsOfMoment("people", first), before);
  EXPECT_THAT(VersionsOf("people", 300), SizeIs(2));
  EXPECT_THAT(VersionsOf("people", 701), SizeIs(1));
  EXPECT_THAT(VersionsOf("people", 902), SizeIs(1));
  EXPECT_EQ(VersionsOf("people", 650)[1].row, (Row{650, "v0", 650}));
}

// A clock that is set back for a while makes nothing old, and one that went ahead keeps nothing.
TEST_P(History, WhatAWrongClockStampedIsNoMeasure) {
  Create(People());
  const auto commit_at = [&](std::int64_t now_ms, int age) {
    BatchSpec spec;
    spec.rows = {{1, "a", age}};
    const TestBatch made = MakeBatch(People(), spec);
    Plan plan = InCycle({CommitAt("people", {ApplyRows{made.schema.get(), &*made.batch, false, kCycle}})});
    plan.now_ms = now_ms;
    const auto done = store_->Commit(plan);
    ASSERT_THAT(done, IsOk());
    ASSERT_THAT(done->steps[0].status, IsOk());
  };
  commit_at(kNow, 1);
  commit_at(kNow - 1'000'000, 2);
  commit_at(kNow + 1, 3);
  const OldCommits of_an_hour = {kNow - 3'600, kNow + 1};
  const TableHistory history = Look()->versions().ReadHistory("people").value().value();
  EXPECT_EQ(Look()->journal().FindTrim(of_an_hour, UINT64_MAX).value(), 0);
  EXPECT_EQ(Look()->versions().FindCut(history, of_an_hour, UINT64_MAX).value(), 0);
  commit_at(kNow + 1'000'000'000, 4);
  commit_at(kNow + 10'000, 5);
  const OldCommits later = {kNow + 5'000, kNow + 20'000};
  EXPECT_EQ(Look()->journal().FindTrim(later, UINT64_MAX).value(), 3);
  EXPECT_EQ(Look()->versions().FindCut(history, later, UINT64_MAX).value(), 3);
  const OldCommits all = {kNow + 15'000, kNow + 20'000};
  EXPECT_EQ(Look()->journal().FindTrim(all, UINT64_MAX).value(), 5);
}

// A pass that leaves heads where they are is no last one.
TEST_P(History, TrimmingCountsWhatItPassed) {
  Create(People());
  for (int i = 1; i <= 5; ++i) Apply(People(), Operation::kInsert, {{1, "a", i}});
  Plan plan;
  plan.trim_journal_through = 4;
  EXPECT_EQ(store_->Commit(plan).value().journal_trimmed, 4);
  EXPECT_EQ(store_->Commit(plan).value().journal_trimmed, 0);
}

// A table's history begins with its last commit, though others have committed since.
TEST_P(History, ATableIsKnownFromItsLastCommitOn) {
  SetRules(false);
  TableSchema other = People();
  other.name = "others";
  Create(People());
  Create(other);
  Apply(People(), Operation::kInsert, {{1, "a", 1}});
  Apply(other, Operation::kInsert, {{1, "a", 1}});
  const std::int64_t last = LastMoment("people");
  SetRules(true);
  Apply(People(), Operation::kInsert, {{1, "b", 2}});
  EXPECT_EQ(Look()->versions().ReadHistory("people").value()->known_from, last);
  EXPECT_EQ(AsOfMoment("people", last), (Rows{{1, "a", 1}}));
}

TEST_P(History, ComparedTablesSayThatAnyRowMayHaveChanged) {
  Create(People());
  Apply(People(), Operation::kInsert, {{1, "a", 1}});
  Plan plan;
  plan.compared_tables = {"people"};
  ASSERT_THAT(store_->Commit(plan), IsOk());
  EXPECT_THAT(Operations(), ElementsAre("INSERT", "COMPARE"));
  EXPECT_THAT(Entries().back().keys, IsEmpty());
  // The commit that ends its moment is a cycle's.
  Apply(People(), Operation::kInsert, {{1, "b", 2}});
  const JournalEntry head = Look()->journal().FindCommits("people", {.moment = INT64_MAX}).value().front();
  EXPECT_EQ(head.cycle, kCycle);
  EXPECT_EQ(head.origin, "cycle");
}

TEST_P(History, AnErasedRowIsInNoVersionAndInNoEntry) {
  Create(People());
  Populate(People(), {{1, "a", 1}, {2, "b", 2}});
  Apply(People(), Operation::kInsert, {{1, "c", 3}, {3, "d", 4}});
  const std::int64_t stood = LastMoment("people");
  Apply(People(), Operation::kDelete, {{1}});
  Plan plan;
  plan.erased_rows = {{"people", {KeyPart{.kind = Kind::kInteger, .integer = 1}}}};
  const auto erased = store_->Commit(plan);
  ASSERT_THAT(erased, IsOk());
  EXPECT_EQ(erased->versions_erased, 2);
  EXPECT_EQ(erased->entries_erased, 2);
  EXPECT_THAT(VersionsOf("people", 1), IsEmpty());
  EXPECT_EQ(AsOfMoment("people", stood), (Rows{{2, "b", 2}, {3, "d", 4}}));
  EXPECT_THAT(Operations(), ElementsAre("POPULATED", "INSERT", "COMPARE"))
      << "who reads on compares all rows";
  EXPECT_THAT(Numbers(Entries()[1]), ElementsAre(3));
  EXPECT_EQ(Entries()[1].rows, 1U);
  EXPECT_EQ(LastMoment("people"), stood + 1) << "the commit of the delete is still one";
  const auto again = store_->Commit(plan);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->versions_erased + again->entries_erased, 0);
  EXPECT_THAT(Operations(), SizeIs(3)) << "nothing was there, so nobody compares";
}

TEST_P(History, ErasingARowEndsTheProofsOfStatesThatHadIt) {
  Create(People());
  const auto prove = [&](std::uint64_t rows) {
    Plan plan;
    TableCheck check{.table = "people"};
    check.equality = Equality::kEqual;
    check.position = Record("people").value().position;
    check.digest = RangeDigest{rows, 77};
    plan.checks = {check};
    ASSERT_THAT(store_->Commit(plan), IsOk());
  };
  const auto proven = [&] {
    std::vector<std::int64_t> moments;
    const absl::Status walked =
        Look()->journal().WalkProven("people", [&](const JournalEntry& entry) -> absl::StatusOr<bool> {
          moments.push_back(entry.number);
          return true;
        });
    EXPECT_THAT(walked, IsOk());
    return moments;
  };
  Apply(People(), Operation::kInsert, {{1, "a", 1}});
  prove(1);
  Apply(People(), Operation::kDelete, {{1}});
  prove(0);
  EXPECT_THAT(proven(), ElementsAre(2, 1));
  Plan plan;
  plan.erased_rows = {{"people", {KeyPart{.kind = Kind::kInteger, .integer = 1}}}};
  ASSERT_THAT(store_->Commit(plan), IsOk());
  EXPECT_THAT(proven(), ElementsAre(2)) << "the state without it is what it was";
  EXPECT_EQ(Look()->versions().CountVersions(*Look()->versions().ReadHistory("people").value()).value(), 0);
}

TEST_P(History, WalkingBackFindsWhoMayHaveWrittenAKey) {
  Create(Pairs());
  Apply(Pairs(), Operation::kInsert, {{1, "x", "v"}, {5, "y", "v"}});
  Apply(Pairs(), Operation::kInsert, {{7, "x", "v"}});
  Apply(Pairs(), Operation::kUpdate, {{5, "y", "w"}});
  std::vector<std::int64_t> numbers;
  ASSERT_THAT(Look()->journal().WalkBack("pairs", OrderedKey({.kind = Kind::kInteger, .integer = 5}),
                                         [&](const JournalEntry& entry) -> absl::StatusOr<bool> {
                                           numbers.push_back(entry.number);
                                           return true;
                                         }),
              IsOk());
  EXPECT_THAT(numbers, ElementsAre(3, 1));
}

/// Random writes to three tables, and what each of them was at each of its commits.
class HistoryRandom : public History {
 protected:
  struct Known {
    TableSchema table;
    std::set<Row> keys;  ///< That may be there.
    std::map<std::int64_t, RangeDigest> at;
  };

  int Below(int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random_); }
  bool OneIn(int count) { return Below(count) == 0; }

  Cell Value(const Column& column) {
    if (column.key_position == 0 && OneIn(5)) return {};
    if (column.type == Type::kText) return Cell(std::string(1, static_cast<char>('a' + Below(3))));
    if (column.type != Type::kAny) return Cell(Below(4));
    const int number = Below(3);
    switch (Below(4)) {
      case 0:
        return Cell(number);
      case 1:
        return Cell(static_cast<double>(number));
      case 2:
        return Cell(std::to_string(number));
      default:
        return Blob(std::to_string(number));
    }
  }
  Row NewKey(const TableSchema& table) {
    Row key;
    for (const std::uint32_t column : table.Key()) {
      key.push_back(table.columns[column].type == Type::kText ? Cell(std::to_string(Below(3)))
                                                              : Cell(Below(20)));
    }
    return key;
  }
  Row RowOf(const TableSchema& table, const Row& key) {
    Row row;
    std::size_t next = 0;
    for (const Column& column : table.columns) {
      row.push_back(column.key_position != 0 ? key[next++] : Value(column));
    }
    return row;
  }
  Rows SomeRows(Known& known, int most) {
    std::set<Row> keys;
    for (int i = 1 + Below(most); i > 0; --i) keys.insert(NewKey(known.table));
    Rows rows;
    for (const Row& key : keys) rows.push_back(RowOf(known.table, key));
    return rows;
  }

  RangeDigest DigestOf(const TableSchema& table) {
    return Look()->Digest(table, AllOf(table), {}, [] { return kGoOn; }).value().front();
  }

  void Next(Known& known) {
    const bool commits = !OneIn(3);
    switch (Below(12)) {
      case 0: {
        Rows rows = SomeRows(known, 30);
        known.keys.clear();
        for (const Row& row : rows) known.keys.insert(KeyOf(known.table, row));
        Populate(known.table, std::move(rows));
        Note(known);
        return;
      }
      case 1:
        Populate(known.table, SomeRows(known, 9), /*commits=*/false);  // It dies.
        return;
      case 2:
      case 3:
      case 4: {
        Rows keys;
        for (const Row& key : known.keys) {
          if (OneIn(4)) keys.push_back(key);
        }
        if (keys.empty()) return;
        for (const Row& key : keys) known.keys.erase(key);
        Apply(known.table, Operation::kDelete, std::move(keys), commits);
        break;
      }
      case 5:
      case 6:
      case 7: {
        Rows rows;
        for (const Row& key : known.keys) {
          if (OneIn(3)) rows.push_back(RowOf(known.table, key));
        }
        if (rows.empty()) return;
        Apply(known.table, Operation::kUpdate, std::move(rows), commits);
        break;
      }
      default: {
        Rows rows = SomeRows(known, OneIn(4) ? 40 : 5);
        for (const Row& row : rows) known.keys.insert(KeyOf(known.table, row));
        Apply(known.table, Operation::kInsert, std::move(rows), commits);
      }
    }
    if (commits) Note(known);
  }
  /// A server without a journal writes: no state before the end of its writes can be read again.
  void NextUnseen(Known& known) {
    store_->SetJournal(nullptr);
    Next(known);
    known.at.clear();
    SetRules(true);
  }
  static Row KeyOf(const TableSchema& table, const Row& row) {
    Row key;
    for (const std::uint32_t column : table.Key()) key.push_back(row[column]);
    return key;
  }
  void Note(Known& known) { known.at[LastMoment(known.table.name)] = DigestOf(known.table); }

  void Check(Known& known, int count) {
    if (known.at.empty()) return;
    const std::unique_ptr<Snapshot> snapshot = Look();
    const TableHistory history = snapshot->versions().ReadHistory(known.table.name).value().value();
    for (; count > 0; --count) {
      auto moment = known.at.begin();
      std::advance(moment, Below(static_cast<int>(known.at.size())));
      if (moment->first < history.known_from) continue;
      SCOPED_TRACE(moment->first);
      const auto then =
          snapshot->versions().DigestAsOf(history, moment->first, AllOf(known.table), [] { return kGoOn; });
      ASSERT_THAT(then, IsOk());
      EXPECT_EQ(*then, moment->second) << known.table.name;
      ++checked_;
    }
  }

  std::mt19937_64 random_;
  int checked_ = 0;
};

// H6
TEST_P(HistoryRandom, AsOfEachCommitATableIsWhatItWasThen) {
  random_.seed(TestSeed());
  const TableSchema anys = NamedTable("anys", {KeyColumn("id", Type::kInt64), AnyColumn("v", Affinity::kBlob),
                                               PlainColumn("w", Type::kText)});
  std::vector<Known> tables = {{People()}, {Pairs()}, {anys}};
  for (const Known& known : tables) {
    Create(known.table);
    // Versions are kept from the first rows on.
    Populate(known.table, {});
  }
  const auto rounds = static_cast<int>(FromEnvironment("MIRROR_TEST_ROUNDS", 20)) * 20;
  for (int i = 0; i < rounds && !HasFailure(); ++i) {
    SCOPED_TRACE(i);
    Known& known = tables[static_cast<std::size_t>(Below(static_cast<int>(tables.size())))];
    if (OneIn(30)) {
      NextUnseen(known);
    } else {
      Next(known);
    }
    if (OneIn(20)) {
      Begin(kCycle + 1);
      Begin(kCycle);
    }
    if (OneIn(100)) OpenAgain();
    if (OneIn(10)) Check(known, 3);
  }
  for (Known& known : tables) Check(known, 50);
  EXPECT_GT(checked_, 0);
  EXPECT_THAT(store_->upkeep().CheckIntegrity(), IsOk());
}

INSTANTIATE_TEST_SUITE_P(EveryStore, History, testing::ValuesIn(EveryBackend()), NameOfBackend);
INSTANTIATE_TEST_SUITE_P(EveryStore, HistoryRandom, testing::ValuesIn(EveryBackend()), NameOfBackend);

}  // namespace
}  // namespace mirror::store_history_test
