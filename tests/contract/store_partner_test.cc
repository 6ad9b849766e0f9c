#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/live_rows.h"
#include "tests/contract/store_contract.h"

// Tables that keep what is the partner's: preserve_target, and deletes other than APPLY (plan.h,
// table.proto).

namespace mirror {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr absl::StatusCode kFailedPrecondition = absl::StatusCode::kFailedPrecondition;

TableSchema Keeping(TableSchema table, Deletes deletes = Deletes::kApply, bool preserve = true) {
  table.preserve_target = preserve;
  table.deletes = deletes;
  return table;
}

class PartnerContract : public StoreContract {
 protected:
  PartnerContract() : StoreContract(Capability::kKeepsPartner) {}

  /// A whole population in one step; `may_lose`: see SwapShadow.
  StepResult Populate(const TableSchema& table, Rows rows, std::optional<std::int64_t> may_lose = {}) {
    const TestBatch made = MakeBatch(table, {.rows = std::move(rows)});
    EXPECT_THAT(made.batch, IsOk());
    return Run(StepAt(table.name, Record(table.name).value_or(TableRecord{}).seq + 1,
                      {BeginShadow{table, kCycle}, ApplyRows{made.schema.get(), &*made.batch, true, kCycle},
                       SwapShadow{may_lose}}));
  }
  StepResult Refit(const TableSchema& from, const TableSchema& to, AlterTable alter = {},
                   std::vector<RetypeColumn> retyped = {}, std::vector<std::string> emptied = {}) {
    return Run(StepAt(
        from.name, Record(from.name).value().seq + 1,
        {RefitTable{from, to, std::move(alter), std::move(retyped), std::move(emptied)}, AgreeSchema{to}}));
  }
  RangeDigest DigestOf(const TableSchema& table) {
    auto snapshot = store_->OpenSnapshot().value();
    return snapshot->Digest(table, PlainColumns(table), {}, [] { return true; }).value().front();
  }
  Rows ReadLive(const TableSchema& table) {
    Rows rows;
    auto snapshot = store_->OpenSnapshot().value();
    const absl::Status status = snapshot->ReadRows(
        table, {0}, {}, 1'000'000, [] { return true; },
        [&](RowBlock* block) {
          for (std::uint32_t i = 0; i < block->rows(); ++i) rows.push_back({block->columns[0].ints()[i]});
          return absl::OkStatus();
        });
    EXPECT_THAT(status, IsOk());
    return rows;
  }

  /// One row that the source owns with a note of the partner's, and one that is the partner's.
  void Prepare(const TableSchema& table) {
    Create(table);
    ASSERT_THAT(Populate(table, {{1, "Ada", 36}, {2, "Grace", 45}}).status, IsOk());
    Do(absl::StrCat("ALTER TABLE people ADD COLUMN note TEXT; "));
    Do("UPDATE people SET note = 'mine' WHERE id = 1");
    Do("INSERT INTO people (id, name, note) VALUES (100, 'own', 'kept')");
  }
};

INSTANTIATE_TEST_SUITE_P(EveryStore, PartnerContract, testing::ValuesIn(EveryBackend()), NameOfBackend);

// --- Batches
// -------------------------------------------------------------------------------------------------

TEST_P(PartnerContract, BatchesLeaveRowsAndColumnsOfThePartnerAlone) {
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

TEST_P(PartnerContract, AnUpdateOfARowOfThePartnerMissesItAndAnInsertTakesItOver) {
  const TableSchema people = Keeping(People());
  Prepare(people);

  const StepResult missing = Write(people, Operation::kUpdate, {{1, 1}, {100, 1}}, {"id", "age"});
  EXPECT_THAT(missing.status, StatusIs(kFailedPrecondition));
  EXPECT_THAT(missing.missing_rows, ElementsAre(1U));
  EXPECT_THAT(See("SELECT age FROM people WHERE id = 1"), ElementsAre(Row{36}));

  ASSERT_THAT(Insert(people, {{100, "source", 5}}).status, IsOk());
  EXPECT_THAT(See("SELECT name, age, note, _mirror_owned FROM people WHERE id = 100"),
              ElementsAre(Row{"source", 5, "kept", 1}));
  EXPECT_EQ(RowCount("people"), 3);
}

TEST_P(PartnerContract, ARowIsCountedOnceHoweverOftenItIsInserted) {
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

TEST_P(PartnerContract, AnIgnoredRowIsThePartnersUntilTheSourceHasItAgain) {
  const TableSchema people = Keeping(People(), Deletes::kIgnore, /*preserve=*/false);
  Prepare(people);

  ASSERT_THAT(Write(people, Operation::kDelete, {{1}, {100}}).status, IsOk());

  EXPECT_THAT(See("SELECT id, note, _mirror_owned FROM people ORDER BY id"),
              ElementsAre(Row{1, "mine", 0}, Row{2, nullptr, 1}, Row{100, "kept", nullptr}));
  EXPECT_EQ(RowCount("people"), 1);
  EXPECT_THAT(Write(people, Operation::kUpdate, {{1, 9}}, {"id", "age"}).missing_rows, ElementsAre(0U));
  ASSERT_THAT(Insert(people, {{1, "again", 9}}).status, IsOk());
  EXPECT_THAT(See("SELECT name, note, _mirror_owned FROM people WHERE id = 1"),
              ElementsAre(Row{"again", "mine", 1}));
  EXPECT_EQ(RowCount("people"), 2);
}

TEST_P(PartnerContract, AMarkedRowSaysWhenItWasDeletedUntilTheSourceHasItAgain) {
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

TEST_P(PartnerContract, LargeValuesReachARowThatIsTakenOver) {
  TableSchema files =
      Keeping(NamedTable("files", {KeyColumn("id", Type::kInt64), PlainColumn("data", Type::kBytes)}));
  Create(files);
  Do("INSERT INTO files (id, data) VALUES (1, x'00')");
  ASSERT_THAT(Part("files", 5, 0, std::string(600, 'x')).status, IsOk());
  ASSERT_THAT(Insert(files, {{1, Large(5, 600)}}).status, IsOk());
  EXPECT_THAT(See("SELECT length(data), _mirror_owned FROM files"), ElementsAre(Row{600, 1}));
  EXPECT_EQ(RowCount("files"), 1);
}

TEST_P(PartnerContract, AManyRowedDeleteFindsItsRowsByKey) {
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

TEST_P(PartnerContract, ObjectsOfThePartnerMayUseJson) {
  if (Lacks(Capability::kSqlite)) GTEST_SKIP() << ToString(Capability::kSqlite);
  const TableSchema people = People();
  Create(people);
  ASSERT_THAT(Insert(people, {{1, R"({"name": "Ada"})", 36}, {2, R"({"name": "Joan"})", 45}}).status, IsOk());
  Do("CREATE INDEX by_json ON people (json_extract(name, '$.name'));"
     "CREATE INDEX some ON people (id) WHERE name ->> '$.vip' IS NOT NULL;"
     "CREATE TABLE own (id INTEGER PRIMARY KEY, doc TEXT CHECK (json_valid(doc)), n AS (doc ->> '$.n'));"
     "CREATE VIEW named AS SELECT id, name ->> '$.name' AS name FROM people");
  Reopen();
  ASSERT_THAT(Insert(people, {{3, R"({"name": "Hedy"})", 50}}).status, IsOk());
  ASSERT_THAT(Write(people, Operation::kUpdate, {{1, R"({"name": "Al"})"}}, {"id", "name"}).status, IsOk());
  EXPECT_THAT(See("SELECT id FROM people INDEXED BY by_json WHERE json_extract(name, '$.name') = 'Al'"),
              ElementsAre(Row{1}));

  ASSERT_THAT(Populate(people, {{7, R"({"name": "Mary", "vip": 1})", 60}}).status, IsOk());

  EXPECT_THAT(See("SELECT id FROM people INDEXED BY by_json WHERE json_extract(name, '$.name') = 'Mary'"),
              ElementsAre(Row{7}));
  EXPECT_THAT(See("SELECT id FROM people INDEXED BY some WHERE name ->> '$.vip' IS NOT NULL"),
              ElementsAre(Row{7}));
  EXPECT_THAT(See("SELECT name FROM named"), ElementsAre(Row{"Mary"}));
  EXPECT_EQ(DigestOf(people).rows, 1);
  EXPECT_THAT(store_->upkeep().Scrub(), IsOk());
  ExpectWhole();
}

TEST_P(PartnerContract, AnObjectThatSqliteCannotReadIsNamedAndIsNoDamage) {
  if (Lacks(Capability::kSqlite)) GTEST_SKIP() << ToString(Capability::kSqlite);
  Create(People());
  Do("PRAGMA writable_schema = ON; INSERT INTO sqlite_schema VALUES ('view', 'later', 'later', 0, "
     "'CREATE VIEW later AS SELECT string_agg(id, 1 ORDER BY id) FROM people')");
  store_.reset();
  const auto open = [&] {
    const std::filesystem::path folder = std::filesystem::path(backend_->Path()).parent_path();
    return OpenSqliteStore(folder.string(), "ctx", false, {}).status();
  };
  EXPECT_THAT(open(),
              StatusIs(absl::StatusCode::kUnavailable, AllOf(HasSubstr("later"), HasSubstr("drop it"))));
  Do("PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'later'");
  EXPECT_THAT(open(), IsOk());
}

// --- Populations
// ---------------------------------------------------------------------------------------------

TEST_P(PartnerContract, APopulationMergesAsTheModeSays) {
  const auto test = [&](Deletes deletes, const Rows& want) {
    SCOPED_TRACE(static_cast<int>(deletes));
    const TableSchema people = Keeping(People(absl::StrCat("people", static_cast<int>(deletes))), deletes);
    const std::string name = QuoteName(people.name);
    Create(people);
    ASSERT_THAT(Populate(people, {{1, "Ada", 36}, {2, "Grace", 45}, {3, "Joan", 1}}).status, IsOk());
    Do("ALTER TABLE " + name + " ADD COLUMN note TEXT");
    Do("UPDATE " + name + " SET note = 'n' || id");
    Do("INSERT INTO " + name + " (id, name) VALUES (100, 'own'), (4, 'own')");
    Do("CREATE INDEX " + QuoteName("i" + people.name) + " ON " + name + " (note)");
    Do("CREATE TABLE IF NOT EXISTS fired (x)");
    Do("CREATE TRIGGER " + QuoteName("t" + people.name) + " AFTER UPDATE ON " + name +
       " BEGIN INSERT INTO fired VALUES (1); END");

    ASSERT_THAT(Populate(people, {{1, "Ada L", 37}, {4, "taken", 4}, {5, "new", 5}}).status, IsOk());

    EXPECT_EQ(RowCount(people.name), 3);
    EXPECT_EQ(DigestOf(people).rows, 3U);
    EXPECT_EQ(See("SELECT id, name, note, _mirror_owned" +
                  std::string(deletes == Deletes::kMark ? ", _mirror_deleted_at" : "") + " FROM " + name +
                  " ORDER BY id"),
              want);
    EXPECT_THAT(See("SELECT * FROM fired"), IsEmpty());
    EXPECT_THAT(backend_->Leftovers(), ElementsAre(0, 0, 0));
  };
  test(Deletes::kApply, {{1, "Ada L", "n1", 1},
                         {4, "taken", nullptr, 1},
                         {5, "new", nullptr, 1},
                         {100, "own", nullptr, nullptr}});
  test(Deletes::kIgnore, {{1, "Ada L", "n1", 1},
                          {2, "Grace", "n2", 0},
                          {3, "Joan", "n3", 0},
                          {4, "taken", nullptr, 1},
                          {5, "new", nullptr, 1},
                          {100, "own", nullptr, nullptr}});
  test(Deletes::kMark, {{1, "Ada L", "n1", 1, nullptr},
                        {2, "Grace", "n2", 1, kNow},
                        {3, "Joan", "n3", 1, kNow},
                        {4, "taken", nullptr, 1, nullptr},
                        {5, "new", nullptr, 1, nullptr},
                        {100, "own", nullptr, nullptr, nullptr}});
}

TEST_P(PartnerContract, UntilAPopulationIsCommittedTheOldRowsAreThere) {
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

TEST_P(PartnerContract, RowsOfATableWithoutAKeyComeAnewBesideThoseOfThePartner) {
  const TableSchema keyless = Keeping(Keyless());
  Create(keyless);
  ASSERT_THAT(Populate(keyless, {{"Ada", 1}, {"Ada", 1}}).status, IsOk());
  Do("INSERT INTO keyless (name) VALUES ('own')");
  ASSERT_THAT(Populate(keyless, {{"Bob", 2}}).status, IsOk());
  EXPECT_THAT(See("SELECT name FROM keyless ORDER BY name"), ElementsAre(Row{"Bob"}, Row{"own"}));
  EXPECT_EQ(RowCount("keyless"), 1);
}

TEST_P(PartnerContract, AUniqueIndexThatTheNewRowsBreakStopsThePopulationAndOneTheyKeepDoesNot) {
  const TableSchema people = Keeping(People());
  Prepare(people);
  Do("CREATE UNIQUE INDEX by_name ON people (name)");

  // Two rows take each other's value.
  ASSERT_THAT(Populate(people, {{1, "Grace", 1}, {2, "Ada", 2}}).status, IsOk());

  const std::optional<TableRecord> before = Record("people");
  const StepResult refused = Populate(people, {{1, "own", 1}});
  EXPECT_THAT(refused.status,
              StatusIs(kFailedPrecondition, AllOf(HasSubstr("by_name"), HasSubstr("people"))));
  EXPECT_THAT(std::string(refused.status.message()), Not(HasSubstr("own")));
  EXPECT_EQ(Record("people"), before);
  EXPECT_THAT(See("SELECT id, name FROM people ORDER BY id"),
              ElementsAre(Row{1, "Grace"}, Row{2, "Ada"}, Row{100, "own"}));
  EXPECT_THAT(backend_->IndexesOf("people"), ElementsAre("by_name"));
  // And a batch as well.
  EXPECT_THAT(Insert(people, {{3, "own", 1}}).status, StatusIs(kFailedPrecondition, HasSubstr("by_name")));
}

TEST_P(PartnerContract, WhatAPopulationMayLoseIsCountedInLiveRows) {
  const TableSchema people = Keeping(People(), Deletes::kMark);
  Create(people);
  Rows rows;
  for (int i = 0; i < 300; ++i) rows.push_back({i, "x", i});
  ASSERT_THAT(Populate(people, rows).status, IsOk());
  Do("WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
     "INSERT INTO people (id) SELECT i FROM n");
  // Those of the partner are absent from every shadow.
  ASSERT_THAT(Populate(people, rows, 0).status, IsOk());
  Rows others;
  for (int i = 200; i < 500; ++i) others.push_back({i, "y", i});
  const StepResult held = Populate(people, others, 100);
  EXPECT_THAT(held.status, StatusIs(kFailedPrecondition));
  EXPECT_EQ(held.would_lose, 200);
  ASSERT_THAT(Populate(people, others, 200).status, IsOk());
  EXPECT_EQ(RowCount("people"), 300);
}

TEST_P(PartnerContract, DigestsAndReadingsAreOfLiveRowsAlone) {
  const TableSchema ordinary = People("plain");
  Create(ordinary);
  ASSERT_THAT(Insert(ordinary, {{1, "Ada", 36}, {2, "Grace", 45}}).status, IsOk());
  const TableSchema people = Keeping(People(), Deletes::kMark);
  Prepare(people);
  ASSERT_THAT(Insert(people, {{3, "gone", 1}}).status, IsOk());
  ASSERT_THAT(Write(people, Operation::kDelete, {{3}}).status, IsOk());

  EXPECT_EQ(DigestOf(people), DigestOf(ordinary));
  EXPECT_THAT(ReadLive(people), ElementsAre(Row{1}, Row{2}));
}

// --- Definitions
// ---------------------------------------------------------------------------------------------

TEST_P(PartnerContract, AnOrdinaryTableBecomesOneThatKeepsWithTheRowsItHasAsItsOwn) {
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

TEST_P(PartnerContract, OneThatBecomesOrdinaryAgainIsSwappedAndMayKeepAgainBefore) {
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

TEST_P(PartnerContract, ColumnsOfTheSourceChangeInPlaceAndThoseOfThePartnerStay) {
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

TEST_P(PartnerContract, AColumnUnderANameOfThePartnersIsRefusedAndNothingChanges) {
  const TableSchema people = Keeping(People());
  Prepare(people);
  TableSchema next = people;
  next.columns.push_back(PlainColumn("NOTE", Type::kText));
  EXPECT_THAT(Refit(people, next, AlterTable{{AddColumn{next.columns[3]}}}).status,
              StatusIs(kFailedPrecondition, AllOf(HasSubstr("NOTE"), HasSubstr("Rename or drop"))));
  EXPECT_THAT(store_->records().ReadSchema("people"), IsOkAndHolds(people));
  EXPECT_THAT(See("SELECT note FROM people WHERE id = 1"), ElementsAre(Row{"mine"}));
}

TEST_P(PartnerContract, AnIndexThatForbidsAChangeIsNamedAndNothingChanges) {
  const TableSchema people = Keeping(People());
  Prepare(people);
  Do("CREATE INDEX ages ON people (age)");
  TableSchema next = people;
  next.columns.pop_back();
  EXPECT_THAT(Refit(people, next, AlterTable{{DropColumn{"age"}}}).status,
              StatusIs(kFailedPrecondition, AllOf(HasSubstr("ages"), HasSubstr("left as it is"))));
  EXPECT_THAT(See("SELECT age FROM people ORDER BY id"), ElementsAre(Row{36}, Row{45}, Row{nullptr}));
}

TEST_P(PartnerContract, ATableOfAnOlderDefinitionIsNotTakenForTheAgreedOne) {
  const TableSchema plain = People();
  TableSchema later = plain, other_key = plain;
  later.columns.push_back(PlainColumn("city", Type::kText));
  other_key.columns[0].key_position = 0;
  other_key.columns[1].key_position = 1;
  Create(plain);
  EXPECT_THAT(Refit(later, Keeping(later)).status, StatusIs(kFailedPrecondition, HasSubstr("city")));
  EXPECT_THAT(Refit(other_key, Keeping(other_key)).status, StatusIs(kFailedPrecondition, HasSubstr("key")));
}

TEST_P(PartnerContract, ATableThatThePartnerMadeIsTakenInWhenItFits) {
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

TEST_P(PartnerContract, WhatAnAdoptedTableDeclaresOnConflictNeitherTakesRowsAwayNorDropsThem) {
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

TEST_P(PartnerContract, ATableThatNoRowCouldBeWrittenToIsNotTakenIn) {
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

TEST_P(PartnerContract, MoreColumnsThanSqliteTakesAreRefusedWithWhatToDo) {
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

TEST_P(PartnerContract, ARuleEmptiesAColumnOnlyWhereTheMirrorWrote) {
  const TableSchema people = Keeping(People());
  Prepare(people);
  Do("UPDATE people SET _mirror_owned = 0 WHERE id = 2");
  Do("CREATE INDEX names ON people (name)");
  TableSchema masked = people;
  masked.columns[1].rule = Rule::kMasked;
  ASSERT_THAT(Refit(people, masked, {}, {}, {"name"}).status, IsOk());
  EXPECT_THAT(See("SELECT id, name FROM people ORDER BY id"),
              ElementsAre(Row{1, nullptr}, Row{2, nullptr}, Row{100, "own"}));

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

TEST_P(PartnerContract, ARuleEmptiesAnAdoptedColumnThatIsDeclaredNotNull) {
  Do("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL)");
  const TableSchema people = Keeping(People());
  Create(people);
  ASSERT_THAT(Populate(people, {{1, "Ada", 36}}).status, IsOk());
  TableSchema masked = people;
  masked.columns[1].rule = Rule::kMasked;
  ASSERT_THAT(Refit(people, masked, {}, {}, {"name"}).status, IsOk());
  EXPECT_THAT(See("SELECT id, name, age FROM people"), ElementsAre(Row{1, nullptr, 36}));
}

TEST_P(PartnerContract, ATableThatThePartnerMadeAndThatDoesNotFitIsRefused) {
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

TEST_P(PartnerContract, ATableSetAsideGoesOnlyWhenAllItHoldsIsTheSources) {
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
}  // namespace mirror
