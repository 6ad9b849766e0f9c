#include "tests/contract/partner_contract.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace mirror::store_partner_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr absl::StatusCode kFailedPrecondition = absl::StatusCode::kFailedPrecondition;

INSTANTIATE_TEST_SUITE_P(EveryStore, PartnerContract, testing::ValuesIn(EveryBackend()), NameOfBackend);

TEST_P(PartnerContract, AnIgnoredRowIsThePartnersUntilTheSourceHasItAgain) {
  const TableSchema people = Ignoring(People());
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

TEST_P(PartnerContract, AnUpdateOfARowOfThePartnerMissesItAndAnInsertTakesItOver) {
  const TableSchema people = Kept(People());
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

TEST_P(PartnerContract, LargeValuesReachARowThatIsTakenOver) {
  const TableSchema files =
      Kept(NamedTable("files", {KeyColumn("id", Type::kInt64), PlainColumn("data", Type::kBytes)}));
  Create(files);
  Do("INSERT INTO files (id) VALUES (1)");
  ASSERT_THAT(Part("files", 5, 0, std::string(600, 'x')).status, IsOk());
  ASSERT_THAT(Insert(files, {{1, Large(5, 600)}}).status, IsOk());
  EXPECT_THAT(See("SELECT length(data), _mirror_owned FROM files"), ElementsAre(Row{600, 1}));
  EXPECT_EQ(RowCount("files"), 1);
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

TEST_P(PartnerContract, APopulationLeavesIgnoredRowsToThePartner) {
  ExpectMerged(Ignoring(People()), "",
               {{1, "Ada L", "n1", 1},
                {2, "Grace", "n2", 0},
                {3, "Joan", "n3", 0},
                {4, "taken", nullptr, 1},
                {5, "new", nullptr, 1},
                {100, "own", nullptr, nullptr}});
}

TEST_P(PartnerContract, AUniqueIndexThatTheNewRowsBreakStopsThePopulation) {
  const TableSchema people = Kept(People());
  Prepare(people);
  Do("CREATE UNIQUE INDEX by_name ON people (name)");

  const std::optional<TableRecord> before = Record("people");
  const StepResult refused = Populate(people, {{1, "own", 1}});
  EXPECT_THAT(refused.status,
              StatusIs(kFailedPrecondition, AllOf(HasSubstr("by_name"), HasSubstr("people"))));
  EXPECT_THAT(std::string(refused.status.message()), Not(HasSubstr("own")));
  EXPECT_EQ(Record("people"), before);
  EXPECT_THAT(See("SELECT id, name FROM people ORDER BY id"),
              ElementsAre(Row{1, "Ada"}, Row{2, "Grace"}, Row{100, "own"}));
  EXPECT_THAT(backend_->IndexesOf("people"), ElementsAre("by_name"));
  // And a batch as well.
  EXPECT_THAT(Insert(people, {{3, "own", 1}}).status, StatusIs(kFailedPrecondition, HasSubstr("by_name")));
}

TEST_P(PartnerContract, WhatAPopulationMayLoseIsCountedInLiveRows) {
  const TableSchema people = Kept(People(), Deletes::kMark);
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
  const TableSchema people = Kept(People(), Deletes::kMark);
  Prepare(people);
  ASSERT_THAT(Insert(people, {{3, "gone", 1}}).status, IsOk());
  ASSERT_THAT(Write(people, Operation::kDelete, {{3}}).status, IsOk());

  EXPECT_EQ(DigestOf(people), DigestOf(ordinary));
  EXPECT_THAT(ReadLive(people), ElementsAre(Row{1}, Row{2}));
}

// --- Definitions
// ---------------------------------------------------------------------------------------------

TEST_P(PartnerContract, AnOrdinaryTableBecomesOneThatIgnoresWithTheRowsItHasAsItsOwn) {
  const TableSchema plain = People(), people = Ignoring(plain);
  Create(plain);
  ASSERT_THAT(Insert(plain, {{1, "Ada", 36}, {2, "Grace", 45}}).status, IsOk());
  Do("ALTER TABLE people ADD COLUMN note TEXT DEFAULT 'mine'");

  ASSERT_THAT(Refit(plain, people).status, IsOk());
  Do("INSERT INTO people (id) VALUES (100)");
  EXPECT_THAT(See("SELECT id, note, _mirror_owned FROM people ORDER BY id"),
              ElementsAre(Row{1, "mine", 1}, Row{2, "mine", 1}, Row{100, "mine", nullptr}));
  ASSERT_THAT(Populate(people, {{1, "Ada", 36}}).status, IsOk());
  EXPECT_THAT(See("SELECT id, _mirror_owned FROM people ORDER BY id"),
              ElementsAre(Row{1, 1}, Row{2, 0}, Row{100, nullptr}));
}

TEST_P(PartnerContract, ColumnsOfTheSourceAreRenamedAndAddedBesideThoseOfThePartner) {
  const TableSchema people = Ignoring(People());
  Prepare(people);
  TableSchema next = people;
  next.columns[1].name = "full name";
  next.columns.push_back(PlainColumn("city", Type::kText));

  ASSERT_THAT(
      Refit(people, next, AlterTable{{RenameColumn{"name", "full name"}, AddColumn{next.columns[3]}}}).status,
      IsOk());
  EXPECT_THAT(See("SELECT id, \"full name\", age, city, note FROM people ORDER BY id"),
              ElementsAre(Row{1, "Ada", 36, nullptr, "mine"}, Row{2, "Grace", 45, nullptr, nullptr},
                          Row{100, "own", nullptr, nullptr, "kept"}));
  ASSERT_THAT(Populate(next, {{1, "Ada", 36, "Rome"}}).status, IsOk());
  EXPECT_THAT(See("SELECT id, city, note, _mirror_owned FROM people ORDER BY id"),
              ElementsAre(Row{1, "Rome", "mine", 1}, Row{2, nullptr, nullptr, 0},
                          Row{100, nullptr, "kept", nullptr}));
}

TEST_P(PartnerContract, AColumnUnderANameOfThePartnersIsRefusedAndNothingChanges) {
  const TableSchema people = Kept(People());
  Prepare(people);
  const std::string taken = Lacks(Capability::kSqlite) ? "note" : "NOTE";
  TableSchema next = people;
  next.columns.push_back(PlainColumn(taken, Type::kText));
  EXPECT_THAT(Refit(people, next, AlterTable{{AddColumn{next.columns[3]}}}).status,
              StatusIs(kFailedPrecondition, AllOf(HasSubstr(taken), HasSubstr("Rename or drop"))));
  EXPECT_THAT(store_->records().ReadSchema("people"), IsOkAndHolds(people));
  EXPECT_THAT(See("SELECT note FROM people WHERE id = 1"), ElementsAre(Row{"mine"}));
}

TEST_P(PartnerContract, ATableOfAnOlderDefinitionIsNotTakenForTheAgreedOne) {
  const TableSchema plain = People();
  TableSchema later = plain, other_key = plain;
  later.columns.push_back(PlainColumn("city", Type::kText));
  other_key.columns[0].key_position = 0;
  other_key.columns[1].key_position = 1;
  Create(plain);
  EXPECT_THAT(Refit(later, Kept(later)).status, StatusIs(kFailedPrecondition, HasSubstr("city")));
  EXPECT_THAT(Refit(other_key, Kept(other_key)).status, StatusIs(kFailedPrecondition, HasSubstr("key")));
}

TEST_P(PartnerContract, ARuleEmptiesAColumnOnlyWhereTheMirrorWrote) {
  const TableSchema people = Kept(People());
  Prepare(people);
  Do("UPDATE people SET _mirror_owned = 0 WHERE id = 2");
  Do("CREATE INDEX names ON people (name)");
  TableSchema masked = people;
  masked.columns[1].rule = Rule::kMasked;
  ASSERT_THAT(Refit(people, masked, {}, {}, {"name"}).status, IsOk());
  EXPECT_THAT(See("SELECT id, name FROM people ORDER BY id"),
              ElementsAre(Row{1, nullptr}, Row{2, nullptr}, Row{100, "own"}));
}

}  // namespace
}  // namespace mirror::store_partner_test
