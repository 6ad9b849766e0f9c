#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/contract/partner_contract.h"

// What a store promises that preserves a partner's rows by preserve_target and MARK, too.

namespace mirror::store_preserving_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr absl::StatusCode kFailedPrecondition = absl::StatusCode::kFailedPrecondition;

class PreservingPartnerContract : public PartnerContract {
 protected:
  PreservingPartnerContract() : PartnerContract(Capability::kPreserves) {}
};

INSTANTIATE_TEST_SUITE_P(EveryStore, PreservingPartnerContract, testing::ValuesIn(EveryBackend()),
                         NameOfBackend);

// --- Batches
// -------------------------------------------------------------------------------------------------

TEST_P(PreservingPartnerContract, BatchesLeaveRowsAndColumnsOfThePartnerAlone) {
  const TableSchema people = Keeping(People());
  Prepare(people);

  ASSERT_THAT(Insert(people, {{1, "Ada L", 37}, {3, "Joan", 20}}).status, IsOk());
  ASSERT_THAT(Write(people, Operation::kUpdate, {{1, 38}}, {"id", "age"}).status, IsOk());
  ASSERT_THAT(Write(people, Operation::kDelete, {{2}, {100}, {7}}).status, IsOk());

  EXPECT_THAT(See("SELECT id, name, age, note, _mirror_owned FROM people ORDER BY id"),
              ElementsAre(Row{1, "Ada L", 38, "mine", 1}, Row{3, "Joan", 20, nullptr, 1},
                          Row{100, "own", nullptr, "kept", nullptr}));
  EXPECT_EQ(RowCount("people"), 2);
}

TEST_P(PreservingPartnerContract, ARowIsCountedOnceHoweverOftenItIsInserted) {
  if (Lacks(Capability::kSqlite)) GTEST_SKIP() << ToString(Capability::kSqlite);
  const TableSchema pairs = Keeping(Pairs(), Deletes::kMark);
  Create(pairs);
  ASSERT_THAT(Insert(pairs, {{1, "a", "v"}, {2, "b", "v"}}).status, IsOk());
  Do("INSERT INTO pairs (a, b, v) VALUES (3, 'c', 'own')");
  Do("ALTER TABLE pairs ADD COLUMN twice AS (a * 2) VIRTUAL");
  ASSERT_THAT(Insert(pairs, {{1, "a", "w"}, {3, "c", "w"}}).status, IsOk());
  EXPECT_EQ(RowCount("pairs"), 3);
  ASSERT_THAT(Write(pairs, Operation::kDelete, {{1, "a"}, {1, "a "}}).status, IsOk());
  EXPECT_EQ(RowCount("pairs"), 2);
  ASSERT_THAT(Insert(pairs, {{1, "a", "x"}, {2, "b", "x"}}).status, IsOk());
  EXPECT_EQ(RowCount("pairs"), 3);
  EXPECT_THAT(See("SELECT a, v, twice FROM pairs ORDER BY a"),
              ElementsAre(Row{1, "x", 2}, Row{2, "x", 4}, Row{3, "w", 6}));
}

TEST_P(PreservingPartnerContract, AMarkedRowSaysWhenItWasDeletedUntilTheSourceHasItAgain) {
  const TableSchema people = Keeping(People(), Deletes::kMark);
  Prepare(people);

  ASSERT_THAT(Write(people, Operation::kDelete, {{1}, {100}}).status, IsOk());

  EXPECT_THAT(See("SELECT id, _mirror_deleted_at, _mirror_owned FROM people ORDER BY id"),
              ElementsAre(Row{1, kNow, 1}, Row{2, nullptr, 1}, Row{100, nullptr, nullptr}));
  EXPECT_EQ(RowCount("people"), 1);
  // Marked again: it says when it went first.
  Do("UPDATE people SET _mirror_deleted_at = 7 WHERE id = 1");
  ASSERT_THAT(Write(people, Operation::kDelete, {{1}}).status, IsOk());
  EXPECT_THAT(See("SELECT _mirror_deleted_at FROM people WHERE id = 1"), ElementsAre(Row{7}));
  EXPECT_EQ(RowCount("people"), 1);
  EXPECT_THAT(Write(people, Operation::kUpdate, {{1, 9}}, {"id", "age"}).missing_rows, ElementsAre(0U));
  ASSERT_THAT(Insert(people, {{1, "again", 9}}).status, IsOk());
  EXPECT_THAT(See("SELECT name, note, _mirror_deleted_at FROM people WHERE id = 1"),
              ElementsAre(Row{"again", "mine", nullptr}));
  EXPECT_EQ(RowCount("people"), 2);
}

TEST_P(PreservingPartnerContract, AManyRowedDeleteFindsItsRowsByKey) {
  const TableSchema people = Keeping(People(), Deletes::kMark);
  Create(people);
  Rows rows, keys;
  for (int i = 0; i < 500; ++i) rows.push_back({i, "x", i});
  for (int i = 100; i < 400; ++i) keys.push_back({i});
  ASSERT_THAT(Populate(people, rows).status, IsOk());
  Do("CREATE INDEX tempting ON people (_mirror_owned, _mirror_deleted_at)");
  ASSERT_THAT(Write(people, Operation::kDelete, keys).status, IsOk());
  EXPECT_EQ(RowCount("people"), 200);
  EXPECT_THAT(See("SELECT count(*) FROM people WHERE _mirror_deleted_at IS NULL"), ElementsAre(Row{200}));
}

// --- Populations
// ---------------------------------------------------------------------------------------------

TEST_P(PreservingPartnerContract, APopulationMergesAsTheModeSays) {
  ExpectMerged(Keeping(People("applying")), "",
               {{1, "Ada L", "n1", 1},
                {4, "taken", nullptr, 1},
                {5, "new", nullptr, 1},
                {100, "own", nullptr, nullptr}});
  ExpectMerged(Keeping(People("ignoring"), Deletes::kIgnore), "",
               {{1, "Ada L", "n1", 1},
                {2, "Grace", "n2", 0},
                {3, "Joan", "n3", 0},
                {4, "taken", nullptr, 1},
                {5, "new", nullptr, 1},
                {100, "own", nullptr, nullptr}});
  ExpectMerged(Keeping(People("marking"), Deletes::kMark), ", _mirror_deleted_at",
               {{1, "Ada L", "n1", 1, nullptr},
                {2, "Grace", "n2", 1, kNow},
                {3, "Joan", "n3", 1, kNow},
                {4, "taken", nullptr, 1, nullptr},
                {5, "new", nullptr, 1, nullptr},
                {100, "own", nullptr, nullptr, nullptr}});
}

TEST_P(PreservingPartnerContract, UntilAPopulationIsCommittedTheOldRowsAreThere) {
  const TableSchema people = Keeping(People());
  Prepare(people);
  ASSERT_THAT(Run(StepAt("people", 5, {BeginShadow{people, kCycle}})).status, IsOk());
  ASSERT_THAT(Write(people, {.rows = {{9, "new", 9}}}, /*into_shadow=*/true).status, IsOk());
  ASSERT_THAT(Write(people, {.operation = Operation::kDelete, .rows = {{9}}}, true).status, IsOk());
  EXPECT_THAT(See("SELECT id FROM people"), ElementsAre(Row{1}, Row{2}, Row{100}));
  // What a shadow loses is gone, whatever the mode: nobody has seen it.
  ASSERT_THAT(Run(StepAt("people", 8, {SwapShadow{}})).status, IsOk());
  EXPECT_THAT(See("SELECT id FROM people"), ElementsAre(Row{100}));
  EXPECT_EQ(RowCount("people"), 0);
}

TEST_P(PreservingPartnerContract, RowsOfATableWithoutAKeyComeAnewBesideThoseOfThePartner) {
  const TableSchema keyless = Keeping(Keyless());
  Create(keyless);
  ASSERT_THAT(Populate(keyless, {{"Ada", 1}, {"Ada", 1}}).status, IsOk());
  Do("INSERT INTO keyless (name) VALUES ('own')");
  ASSERT_THAT(Populate(keyless, {{"Bob", 2}}).status, IsOk());
  EXPECT_THAT(See("SELECT name FROM keyless ORDER BY name"), ElementsAre(Row{"Bob"}, Row{"own"}));
  EXPECT_EQ(RowCount("keyless"), 1);
}

TEST_P(PreservingPartnerContract, AUniqueIndexThatTheNewRowsKeepDoesNotStopAPopulation) {
  const TableSchema people = Keeping(People());
  Prepare(people);
  Do("CREATE UNIQUE INDEX by_name ON people (name)");

  // Two rows take each other's value.
  ASSERT_THAT(Populate(people, {{1, "Grace", 1}, {2, "Ada", 2}}).status, IsOk());

  EXPECT_THAT(See("SELECT id, name FROM people ORDER BY id"),
              ElementsAre(Row{1, "Grace"}, Row{2, "Ada"}, Row{100, "own"}));
  EXPECT_THAT(backend_->IndexesOf("people"), ElementsAre("by_name"));
}

// --- Definitions
// ---------------------------------------------------------------------------------------------

TEST_P(PreservingPartnerContract, AnOrdinaryTableBecomesOneThatKeepsWithTheRowsItHasAsItsOwn) {
  const TableSchema plain = People(), people = Keeping(People(), Deletes::kMark);
  Create(plain);
  ASSERT_THAT(Insert(plain, {{1, "Ada", 36}, {2, "Grace", 45}}).status, IsOk());
  Do("ALTER TABLE people ADD COLUMN note TEXT DEFAULT 'mine'");

  ASSERT_THAT(Refit(plain, people).status, IsOk());
  Do("INSERT INTO people (id) VALUES (100)");
  EXPECT_THAT(See("SELECT id, note, _mirror_owned, _mirror_deleted_at FROM people"),
              ElementsAre(Row{1, "mine", 1, nullptr}, Row{2, "mine", 1, nullptr},
                          Row{100, "mine", nullptr, nullptr}));
  ASSERT_THAT(Populate(people, {{1, "Ada", 36}}).status, IsOk());
  EXPECT_THAT(See("SELECT id, _mirror_deleted_at FROM people"),
              ElementsAre(Row{1, nullptr}, Row{2, kNow}, Row{100, nullptr}));
}

TEST_P(PreservingPartnerContract, OneThatBecomesOrdinaryAgainIsSwappedAndMayKeepAgainBefore) {
  const TableSchema plain = People(), people = Keeping(People());
  Prepare(people);
  ASSERT_THAT(Run(StepAt("people", 9, {AgreeSchema{plain}})).status, IsOk());
  // Not populated yet, and the settings are back: what is whose is still known.
  ASSERT_THAT(Refit(plain, people).status, IsOk());
  EXPECT_THAT(See("SELECT id, _mirror_owned FROM people"),
              ElementsAre(Row{1, 1}, Row{2, 1}, Row{100, nullptr}));
  ASSERT_THAT(Run(StepAt("people", 10, {AgreeSchema{plain}})).status, IsOk());
  ASSERT_THAT(Populate(plain, {{1, "Ada", 36}}).status, IsOk());
  EXPECT_THAT(See("SELECT * FROM people"), ElementsAre(Row{1, "Ada", 36}));
}

TEST_P(PreservingPartnerContract, ColumnsOfTheSourceChangeInPlaceAndThoseOfThePartnerStay) {
  const TableSchema people = Keeping(People());
  Prepare(people);
  TableSchema next = people;
  next.columns[1].name = "full name";
  next.columns[2].type = Type::kText;
  next.columns.push_back(PlainColumn("city", Type::kText));

  ASSERT_THAT(Refit(people, next, AlterTable{{RenameColumn{"name", "full name"}, AddColumn{next.columns[3]}}},
                    {RetypeColumn{people.columns[2], next.columns[2]}})
                  .status,
              IsOk());
  EXPECT_THAT(See("SELECT id, \"full name\", age, city, note FROM people"),
              ElementsAre(Row{1, "Ada", "36", nullptr, "mine"}, Row{2, "Grace", "45", nullptr, nullptr},
                          Row{100, "own", nullptr, nullptr, "kept"}));
  ASSERT_THAT(Populate(next, {{1, "Ada", "36", "Rome"}}).status, IsOk());
  EXPECT_THAT(See("SELECT id, age, city, note FROM people"),
              ElementsAre(Row{1, "36", "Rome", "mine"}, Row{100, nullptr, nullptr, "kept"}));
}

TEST_P(PreservingPartnerContract, AnIndexThatForbidsAChangeIsNamedAndNothingChanges) {
  const TableSchema people = Keeping(People());
  Prepare(people);
  Do("CREATE INDEX ages ON people (age)");
  TableSchema next = people;
  next.columns.pop_back();
  EXPECT_THAT(Refit(people, next, AlterTable{{DropColumn{"age"}}}).status,
              StatusIs(kFailedPrecondition, AllOf(HasSubstr("ages"), HasSubstr("left as it is"))));
  EXPECT_THAT(See("SELECT age FROM people ORDER BY id"), ElementsAre(Row{36}, Row{45}, Row{nullptr}));
}

TEST_P(PreservingPartnerContract, ATableThatThePartnerMadeIsTakenInWhenItFits) {
  if (Lacks(Capability::kSqlite)) GTEST_SKIP() << ToString(Capability::kSqlite);
  Do("CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(20), note TEXT NOT NULL DEFAULT 'x', "
     "shout AS (upper(name)))");
  Do("INSERT INTO people (id, name) VALUES (1, 'own'), (2, 'own')");
  const TableSchema people = Keeping(People());
  Create(people);
  EXPECT_EQ(RowCount("people"), 0);
  ASSERT_THAT(Populate(people, {{2, "Bob", 40}, {3, "Cy", 50}}).status, IsOk());
  EXPECT_THAT(See("SELECT id, name, age, note, shout, _mirror_owned FROM people"),
              ElementsAre(Row{1, "own", nullptr, "x", "OWN", nullptr}, Row{2, "Bob", 40, "x", "BOB", 1},
                          Row{3, "Cy", 50, "x", "CY", 1}));
  ASSERT_THAT(Insert(people, {{1, "Al", 1}, {2, "Bo", 1}}).status, IsOk());
  EXPECT_EQ(RowCount("people"), 3);
}

TEST_P(PreservingPartnerContract, WhatAnAdoptedTableDeclaresOnConflictNeitherTakesRowsAwayNorDropsThem) {
  if (Lacks(Capability::kSqlite)) GTEST_SKIP() << ToString(Capability::kSqlite);
  const TableSchema replacing = Keeping(People("replacing")), ignoring = Keeping(People("ignoring"));
  Do("CREATE TABLE replacing (id INTEGER PRIMARY KEY, name TEXT UNIQUE ON CONFLICT REPLACE, age INTEGER)");
  Do("CREATE TABLE ignoring (id INTEGER PRIMARY KEY, name TEXT UNIQUE ON CONFLICT IGNORE, age INTEGER)");
  for (const TableSchema& table : {replacing, ignoring}) {
    SCOPED_TRACE(table.name);
    Do("INSERT INTO " + table.name + " (id, name) VALUES (100, 'own')");
    Create(table);
    ASSERT_THAT(Populate(table, {{1, "Ada", 36}}).status, IsOk());
    Rows many = {{2, "own", 1}};
    for (int i = 3; i < 300; ++i) many.push_back({i, absl::StrCat("n", i), i});
    for (const StepResult& refused :
         {Populate(table, {{1, "Ada", 36}, {2, "own", 1}}), Insert(table, {{2, "own", 1}}),
          Write(table, Operation::kUpdate, {{1, "own"}}, {"id", "name"}), Insert(table, many)}) {
      EXPECT_THAT(refused.status, StatusIs(kFailedPrecondition));
    }
    EXPECT_THAT(See("SELECT id, name FROM " + table.name + " ORDER BY id"),
                ElementsAre(Row{1, "Ada"}, Row{100, "own"}));
    EXPECT_EQ(RowCount(table.name), 1);
  }
}

TEST_P(PreservingPartnerContract, ATableThatNoRowCouldBeWrittenToIsNotTakenIn) {
  if (Lacks(Capability::kSqlite)) GTEST_SKIP() << ToString(Capability::kSqlite);
  const TableSchema people = Keeping(People());
  const auto refused = [&](const std::string& columns, const std::string& column, const std::string& remedy) {
    Do(absl::StrCat("CREATE TABLE people (id INTEGER PRIMARY KEY, ", columns, ")"));
    EXPECT_THAT(Run(StepAt("people", 0, {CreateTable{people}, AgreeSchema{people}})).status,
                StatusIs(kFailedPrecondition, AllOf(HasSubstr("'" + column + "'"), HasSubstr(remedy))));
    EXPECT_THAT(See("SELECT 1 FROM pragma_table_info('people') WHERE name = '_mirror_owned'"), IsEmpty());
    Do("DROP TABLE people");
  };
  refused("name TEXT AS ('x')", "name", "GENERATED");
  refused("age INTEGER AS (id * 2) STORED", "age", "GENERATED");
  refused("name TEXT, note TEXT NOT NULL", "note", "NOT NULL");
  refused("name TEXT, note TEXT NOT NULL DEFAULT NULL", "note", "NOT NULL");
}

TEST_P(PreservingPartnerContract, MoreColumnsThanSqliteTakesAreRefusedWithWhatToDo) {
  TableSchema wide = Keeping(NamedTable("wide", {KeyColumn("id", Type::kInt64)}));
  for (int i = 1; i < 2'000; ++i) wide.columns.push_back(PlainColumn(absl::StrCat("c", i), Type::kInt64));
  const auto is_refused = StatusIs(kFailedPrecondition, AllOf(HasSubstr("2001"), HasSubstr("Leave columns")));
  EXPECT_THAT(Run(StepAt("wide", 0, {CreateTable{wide}, AgreeSchema{wide}})).status, is_refused);
  Do("CREATE TABLE wide (id INTEGER PRIMARY KEY)");
  EXPECT_THAT(Run(StepAt("wide", 0, {CreateTable{wide}, AgreeSchema{wide}})).status, is_refused);
  Do("DROP TABLE wide");
  TableSchema plain = wide;
  plain.preserve_target = false;
  Create(plain);
  EXPECT_THAT(Refit(plain, wide).status, is_refused);
}

TEST_P(PreservingPartnerContract, ARuleThatComesOrGoesWithTheSettingEmptiesWhatMayBeTheMirrors) {
  // When it is turned on with the rule, what was there is the mirror's own.
  TableSchema plain = People("plain"), kept = Keeping(plain);
  Create(plain);
  ASSERT_THAT(Insert(plain, {{1, "Ada", 36}}).status, IsOk());
  kept.columns[1].rule = Rule::kMasked;
  ASSERT_THAT(Refit(plain, kept, {}, {}, {"name"}).status, IsOk());
  // And when it goes again, or who wrote a row is not known, what is kept out must go all the same.
  Do("INSERT INTO plain (id, name) VALUES (100, 'own')");
  TableSchema marking = kept;
  marking.preserve_target = false;
  marking.deletes = Deletes::kMark;
  ASSERT_THAT(Refit(kept, marking, {}, {}, {"name"}).status, IsOk());
  EXPECT_THAT(See("SELECT id, name FROM plain ORDER BY id"), ElementsAre(Row{1, nullptr}, Row{100, "own"}));
  ASSERT_THAT(Refit(marking, marking, {}, {}, {"name"}).status, IsOk());
  EXPECT_THAT(See("SELECT name FROM plain ORDER BY id"), ElementsAre(Row{nullptr}, Row{nullptr}));
}

TEST_P(PreservingPartnerContract, ARuleEmptiesAnAdoptedColumnThatIsDeclaredNotNull) {
  Do("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL)");
  const TableSchema people = Keeping(People());
  Create(people);
  ASSERT_THAT(Populate(people, {{1, "Ada", 36}}).status, IsOk());
  TableSchema masked = people;
  masked.columns[1].rule = Rule::kMasked;
  ASSERT_THAT(Refit(people, masked, {}, {}, {"name"}).status, IsOk());
  EXPECT_THAT(See("SELECT id, name, age FROM people"), ElementsAre(Row{1, nullptr, 36}));
}

TEST_P(PreservingPartnerContract, ATableThatThePartnerMadeAndThatDoesNotFitIsRefused) {
  if (Lacks(Capability::kSqlite)) GTEST_SKIP() << ToString(Capability::kSqlite);
  for (const char* const made : {"people (id INTEGER, name TEXT, age INTEGER)", "people (id INT PRIMARY KEY)",
                                 "people (id INTEGER PRIMARY KEY, age TEXT)"}) {
    Do(absl::StrCat("CREATE TABLE ", made));
    const TableSchema people = Keeping(People());
    EXPECT_THAT(Run(StepAt("people", 0, {CreateTable{people}, AgreeSchema{people}})).status,
                StatusIs(kFailedPrecondition, AllOf(HasSubstr("people"), HasSubstr("did not make"))));
    Do("DROP TABLE people");
  }
  Do("CREATE TABLE pairs (a INTEGER, b TEXT COLLATE NOCASE, v TEXT, PRIMARY KEY (a, b))");
  EXPECT_THAT(Run(StepAt("pairs", 0, {CreateTable{Keeping(Pairs())}})).status,
              StatusIs(kFailedPrecondition, HasSubstr("primary key")));
}

TEST_P(PreservingPartnerContract, ATableSetAsideGoesOnlyWhenAllItHoldsIsTheSources) {
  const TableSchema people = Keeping(People()), pairs = Keeping(Pairs(), Deletes::kMark);
  Prepare(people);
  Create(pairs);
  ASSERT_THAT(Insert(pairs, {{1, "a", "v"}}).status, IsOk());
  for (const char* const name : {"people", "pairs"}) {
    Step step;
    step.table = name;
    step.expected = Record(name);
    step.actions = {RetireTable{kNow}};
    ASSERT_THAT(Run(step).status, IsOk());
  }
  Plan plan;
  plan.drop_retired_before_ms = kNow + 1;
  ASSERT_THAT(store_->Commit(plan), IsOk());
  // The rows that the mirror wrote are gone, and the rest is not looked at again.
  EXPECT_THAT(See("SELECT table_name, dropped_ms FROM _mirror_dropped"), ElementsAre(Row{"people", nullptr}));
  EXPECT_THAT(See("SELECT id, note FROM _mirror_dropped_1"), ElementsAre(Row{100, "kept"}));
  EXPECT_THAT(store_->records().SetAside(""), IsOkAndHolds(ElementsAre("_mirror_dropped_1")));
  EXPECT_THAT(store_->records().SetAside("PEOPLE"), IsOkAndHolds(ElementsAre("_mirror_dropped_1")));
  EXPECT_THAT(store_->records().SetAside("pairs"), IsOkAndHolds(IsEmpty()));
  plan.drop_retired_before_ms = std::numeric_limits<std::int64_t>::max();
  ASSERT_THAT(store_->Commit(plan), IsOk());
  EXPECT_THAT(See("SELECT id FROM _mirror_dropped_1"), ElementsAre(Row{100}));

  // One that the partner dropped does not stand in the way of the next of its name.
  Do("DROP TABLE _mirror_dropped_1");
  Create(people);
  ASSERT_THAT(Insert(people, {{1, "Ada", 36}}).status, IsOk());
  Step step;
  step.table = "people";
  step.expected = Record("people");
  step.actions = {RetireTable{kNow}};
  ASSERT_THAT(Run(step).status, IsOk());
  EXPECT_THAT(See("SELECT dropped_name, dropped_ms FROM _mirror_dropped"),
              ElementsAre(Row{"_mirror_dropped_1", kNow}));
}

}  // namespace
}  // namespace mirror::store_preserving_test
