#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "server/store/sqlite/sqlite_store.h"
#include "tests/server/tenant/tenant_bench.h"

// What a partner put into ordinary tables of the mirror is told of before it goes.

namespace mirror::partner_data_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

const Position kFive{Lsn{5}, "five"}, kTen{Lsn{10}, "ten"};

class PartnerDataTest : public TenantBench {
 protected:
  /// A new cycle, up to the answer for the table.
  void BeginAgain(const TableSchema& table = People()) {
    if (in_cycle_) {
      ASSERT_THAT(source_->Complete(), IsOk());
    }
    in_cycle_ = true;
    source_->Begin();
    ASSERT_THAT(source_->Announce({table}), IsOk());
  }
  std::string Columns() { return catalog_.Messages("partner.column_lost"); }
  std::string Rows() { return catalog_.Messages("partner.rows_lost"); }

  bool in_cycle_ = false;
};

TEST_F(PartnerDataTest, AColumnIsToldInTheFirstCycleThatFindsItAndOnce) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  BeginAgain();
  EXPECT_THAT(Columns(), IsEmpty());
  ByHand("ALTER TABLE people ADD COLUMN note TEXT; ALTER TABLE people ADD COLUMN \"my own\" TEXT");
  BeginAgain();
  const std::string told = Columns();
  EXPECT_THAT(told, AllOf(HasSubstr("'people'"), HasSubstr("note"), HasSubstr("my own"),
                          HasSubstr("preserve_target = true")));
  EXPECT_EQ(Partner(path()).One("SELECT count(*) FROM pragma_table_info('people') WHERE name = 'note'"),
            Cell(1))
      << "it is still there";
  BeginAgain();
  EXPECT_EQ(Columns(), told) << "once";
  ByHand("ALTER TABLE people ADD COLUMN third TEXT");
  BeginAgain();
  EXPECT_THAT(Columns().substr(told.size()), HasSubstr("third")) << "another one";
}

TEST_F(PartnerDataTest, NoRowIsToldWhereTheFileWasReplacedBeforeThePopulationBegan) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  const std::string copy = folder_.path() + "/copy.db";
  ByHand("VACUUM INTO '" + copy + "'");
  ByHand("INSERT INTO people (id, name, age) VALUES (1000, 'mine', 1)");
  BeginAgain();
  std::filesystem::rename(copy, path());
  const BatchSpec population = {
      .rows = {{1, "Ada", 36}}, .populate = PopulateReason::kRequested, .target = kTen, .commit = kTen};

  EXPECT_THAT(source_->Apply(MakeBatch(People(), population)), StatusIs(absl::StatusCode::kAborted));

  EXPECT_THAT(Rows(), IsEmpty());
}

TEST_F(PartnerDataTest, WhatWasTakenFromATableIsMendedByAPopulation) {
  for (const char* const sql :
       {"ALTER TABLE people DROP COLUMN name", "ALTER TABLE people RENAME COLUMN name TO nom",
        "ALTER TABLE people RENAME COLUMN id TO nr",
        "CREATE TABLE n (id INTEGER, name TEXT, age INTEGER); INSERT INTO n SELECT * FROM people; DROP TABLE "
        "people; "
        "ALTER TABLE n RENAME TO people",
        "CREATE TABLE n (id INTEGER PRIMARY KEY, name TEXT, age INTEGER, extra TEXT NOT NULL); INSERT INTO n "
        "SELECT *, '' FROM people; DROP TABLE people; ALTER TABLE n RENAME TO people",
        "DROP TABLE people"}) {
    SCOPED_TRACE(sql);
    source_->Mirror(People(), {{1, "Ada", 36}, {2, "Grace", 45}}, kFive);
    ByHand(sql);
    source_->Begin();
    const TableAnswer answer = source_->Announced(People());
    EXPECT_EQ(answer.position, Position{});
    if (answer.action != SchemaAction::kCreated) {
      EXPECT_EQ(answer.action, SchemaAction::kRepopulate);
      EXPECT_THAT(answer.reason, HasSubstr("somebody changed it by hand in the mirror: "));
      EXPECT_THAT(catalog_.Messages("table.repopulate"), HasSubstr(answer.reason));
      EXPECT_EQ(catalog_.LastSeverity("table.repopulate"), Severity::kWarning);
    }
    source_->Populate(People(), {{1, "Ada", 36}, {3, "Bob", 7}}, kTen);
    ASSERT_THAT(source_->Complete(), IsOk());
    EXPECT_EQ(Visible(People()), (mirror::Rows{{1, "Ada", 36}, {3, "Bob", 7}}));
    source_->Begin();
    EXPECT_EQ(source_->Announced(People()).action, SchemaAction::kUnchanged) << "once";
    ASSERT_THAT(source_->Complete(), IsOk());
  }
}

TEST_F(PartnerDataTest, APopulationForTheSourcesOwnChangeIsNoWarning) {
  TableSchema table = People();
  table.table_id = 1;
  source_->Mirror(table, {{1, "Ada", 36}}, kFive);
  table.table_id = 2;
  source_->Begin();
  ASSERT_EQ(source_->Announced(table).action, SchemaAction::kRepopulate);
  EXPECT_EQ(catalog_.LastSeverity("table.repopulate"), Severity::kInformation);
}

TEST_F(PartnerDataTest, ATableThatKeepsThePartnersRowsSaysWhatItLacks) {
  TableSchema table = People();
  table.preserve_target = true;
  source_->Mirror(table, {{1, "Ada", 36}}, kFive);
  ByHand("ALTER TABLE people DROP COLUMN name");
  source_->Begin();
  const TableAnswer refused = source_->Announced(table);
  EXPECT_EQ(refused.action, SchemaAction::kRefused);
  EXPECT_THAT(refused.reason,
              AllOf(HasSubstr("it has no column 'name'"), HasSubstr("'mirrorctl invalidate'")));
  ASSERT_THAT(source_->Complete(), IsOk());
  ByHand("ALTER TABLE people ADD COLUMN name TEXT");
  ASSERT_THAT(tenant_->Invalidate({"people"}, source_->now), IsOk());
  source_->Begin();
  EXPECT_TRUE(source_->Announced(table).wanted);
  source_->Populate(table, {{1, "Ada", 36}}, kTen);
  EXPECT_EQ(Visible(table), (mirror::Rows{{1, "Ada", 36}}));
}

TEST_F(PartnerDataTest, WhatSomebodyPutInTheTablesPlaceIsNotTouchedUntilAnOperatorResetsIt) {
  for (const char* const sql : {"CREATE VIEW people AS SELECT 1 AS id", "CREATE TABLE people(nr, nom)",
                                "CREATE TABLE mine(v); CREATE INDEX people ON mine(v)"}) {
    SCOPED_TRACE(sql);
    source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
    ByHand("DROP TABLE people");
    ByHand(sql);
    source_->Begin();
    const TableAnswer refused = source_->Announced(People());
    EXPECT_EQ(refused.action, SchemaAction::kRefused);
    EXPECT_THAT(refused.reason, HasSubstr("Rename or drop it"));
    ASSERT_THAT(source_->Complete(), IsOk());
    EXPECT_EQ(Partner(path()).One("SELECT count(*) FROM sqlite_schema WHERE name = 'people'"), Cell(1));
    EXPECT_THAT(tenant_->Invalidate({"people"}, source_->now), IsOk());
    EXPECT_THAT(tenant_->Reset({"people"}, source_->now), IsOk());
    source_->Begin();
    EXPECT_EQ(source_->Announced(People()).action, SchemaAction::kCreated);
    ASSERT_THAT(source_->Complete(), IsOk());
    EXPECT_THAT(tenant_->Reset({"people"}, source_->now), IsOk());
  }
}

TEST_F(PartnerDataTest, AColumnIsToldBeforeTheChangeOfDefinitionThatTakesItAway) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  ByHand("ALTER TABLE people ADD COLUMN note TEXT");
  TableSchema changed = People();
  changed.columns[1].key_position = 1;
  BeginAgain(changed);
  EXPECT_THAT(Columns(), HasSubstr("note"));
}

TEST_F(PartnerDataTest, WhatIsKeptOrTheSourcesIsNoLoss) {
  TableSchema kept = People("kept"), hashed = People("hashed");
  kept.preserve_target = true;
  TableSchema marked = People("marked");
  marked.deletes = Deletes::kMark;
  const std::vector<TableSchema> tables = {kept, hashed, marked, Keyless(), Pairs()};
  source_->Begin();
  ASSERT_THAT(source_->Announce(tables), IsOk());
  for (const TableSchema& table : {kept, hashed, marked}) source_->Populate(table, {{1, "Ada", 36}}, kFive);
  source_->Populate(Keyless(), {{"a", 1}, {"a", 1}}, kFive);
  source_->Populate(Pairs(), {{1, "b", "v"}}, kFive);
  ASSERT_THAT(source_->Complete(), IsOk());
  ByHand(
      "ALTER TABLE kept ADD COLUMN note TEXT; INSERT INTO kept (id, name) VALUES (7, 'mine'); "
      "CREATE INDEX by_name ON hashed (name)");
  source_->Begin();
  ASSERT_THAT(source_->Announce(tables), IsOk());
  for (const TableSchema& table : {kept, hashed, marked}) source_->Populate(table, {{2, "Bob", 1}}, kTen);
  source_->Populate(Keyless(), {{"b", 1}}, kTen);
  source_->Populate(Pairs(), {{2, "b", "v"}}, kTen);
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_THAT(Columns(), IsEmpty());
  EXPECT_THAT(Rows(), IsEmpty());
}

TEST_F(PartnerDataTest, RowsAreToldWhenThePopulationThatTakesThemBegins) {
  source_->Mirror(People(), {{1, "Ada", 36}, {2, "Grace", 45}}, kFive);
  ByHand("INSERT INTO people VALUES (100, 'mine', 1), (101, 'mine', 2), (102, 'mine', 3)");
  BeginAgain();
  ASSERT_THAT(
      source_
          ->Send(People(), {.rows = {{1, "Ada", 36}}, .populate = PopulateReason::kRequested, .target = kTen})
          .status,
      IsOk());
  EXPECT_THAT(Rows(), AllOf(HasSubstr("'people' has 3 rows more"), HasSubstr("preserve_target = true")));
  EXPECT_EQ(Visible(People()).size(), 5U) << "they are still there";
}

TEST_F(PartnerDataTest, ARowIsToldWhenTheTableIsReadForAComparison) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  ByHand("INSERT INTO people VALUES (100, 'mine', 1)");
  BeginAgain();
  for (int look = 0; look < 2; ++look) {
    ASSERT_THAT(tenant_->Read(source_->caller, source_->cycle, "people", kFive, source_->now), IsOk());
    EXPECT_THAT(Rows(), HasSubstr("'people' has 1 row more"));
    const std::string told = Rows();
    EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 1) << "once";
  }
  EXPECT_EQ(Visible(People()).size(), 2U);
}

TEST_F(PartnerDataTest, WhatTheSourceChangesIsNobodyElses) {
  source_->Mirror(People(), {{1, "Ada", 36}, {2, "Grace", 45}}, kFive);
  BeginAgain();
  ASSERT_THAT(
      source_->Send(People(), {.rows = {{3, "Bob", 1}, {1, "Ada L", 37}}, .base_lsn = 5, .target = kTen})
          .status,
      IsOk());
  ASSERT_THAT(source_
                  ->Send(People(), {.operation = Operation::kDelete,
                                    .rows = {{2}},
                                    .seq = 2,
                                    .base_lsn = 5,
                                    .target = kTen,
                                    .commit = kTen})
                  .status,
              IsOk());
  BeginAgain();
  ASSERT_THAT(tenant_->Read(source_->caller, source_->cycle, "people", kTen, source_->now), IsOk());
  EXPECT_THAT(Rows(), IsEmpty());
}

}  // namespace
}  // namespace mirror::partner_data_test
