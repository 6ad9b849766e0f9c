#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/contract/store_contract.h"

// What a store refuses that another one keeps, by its name, before it has changed anything.

namespace mirror::store_refused_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr absl::StatusCode kFailedPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr absl::StatusCode kInvalidArgument = absl::StatusCode::kInvalidArgument;

class StoreRefused : public StoreContract {
 protected:
  bool RefusesNothing() const { return !Lacks(Capability::kEveryTable); }
  static std::string Why() { return "this store keeps every table"; }

  /// `people` with a row, of which others made `object`.
  void CreateWith(const std::string& object) {
    Create(People());
    ASSERT_THAT(Insert(People(), {{1, "Ada", 36}}).status, IsOk());
    Do(object);
  }
  /// As TableSchema agrees on a table whose rows a population is to replace.
  StepResult Agree(const TableSchema& table) {
    Step step = StepAt(table.name, Record(table.name).value().seq + 1, {AgreeSchema{table}});
    step.record->schema_hash = SchemaHash(table);
    step.record->state = TableState::kRepopulate;
    return Run(std::move(step));
  }
  StepResult Populate(const TableSchema& table, Rows rows) {
    const TestBatch made = MakeBatch(table, {.rows = std::move(rows)});
    EXPECT_THAT(made.batch, IsOk());
    return Run(StepAt(table.name, Record(table.name).value().seq + 1,
                      {BeginShadow{table, kCycle}, ApplyRows{made.schema.get(), &*made.batch, true, kCycle},
                       SwapShadow{}}));
  }
  static TableSchema WithTextAge() {
    TableSchema table = People();
    table.columns[2] = PlainColumn("age", Type::kText);
    return table;
  }
  static TableSchema WithNameInKey() {
    TableSchema table = People();
    table.columns[1].key_position = 2;
    table.columns[1].nullable = false;
    return table;
  }
};

struct RefusedTable {
  TableSchema table;
  std::vector<std::string> words;
};

std::vector<RefusedTable> RefusedTables() {
  const auto columns = [](int count) {
    TableSchema table = NamedTable("wide", {KeyColumn("id", Type::kInt64)});
    while (static_cast<int>(table.columns.size()) < count)
      table.columns.push_back(PlainColumn("c" + std::to_string(table.columns.size()), Type::kInt32));
    return table;
  };
  const auto with = [](const Column& column) {
    TableSchema table = People();
    table.columns.push_back(column);
    return table;
  };
  std::vector<RefusedTable> all;
  TableSchema preserving = People();
  preserving.preserve_target = true;
  all.push_back({preserving, {"'people'", "preserve_target"}});
  TableSchema marking = People();
  marking.deletes = Deletes::kMark;
  all.push_back({marking, {"'people'", "MARK"}});
  TableSchema any_key = with(AnyColumn("code", Affinity::kBlob));
  any_key.columns.back().key_position = 2;
  any_key.columns.back().nullable = false;
  all.push_back({any_key, {"'people'", "'code'", "ANY"}});
  const std::string name(64, 'n');
  all.push_back({People(name), {name, "63 bytes"}});
  std::string umlauts;
  while (umlauts.size() < 64) umlauts += "ä";
  all.push_back({with(PlainColumn(umlauts, Type::kText)), {"'people'", umlauts, "64 bytes"}});
  all.push_back({columns(1'601), {"'wide'", "1601 columns", "1600"}});
  TableSchema ignoring = columns(1'600);
  ignoring.deletes = Deletes::kIgnore;
  all.push_back({ignoring, {"'wide'", "1601 columns"}});
  TableSchema any = columns(1'599);
  any.columns.push_back(AnyColumn("any", Affinity::kBlob));
  all.push_back({any, {"'wide'", "1601 columns"}});
  for (const char* const own : {"ctid", "xmin", "tableoid", "_mirror_kinds", "_mirror_owned"})
    all.push_back({with(PlainColumn(own, Type::kText)), {"'people'", own, "Rename it"}});
  return all;
}

TEST_P(StoreRefused, ATableThatItCannotKeepIsNamedWithTheReason) {
  for (const RefusedTable& refused : RefusedTables()) {
    const absl::Status checked = store_->CheckTable(refused.table);
    if (RefusesNothing()) {
      EXPECT_THAT(checked, IsOk());
      continue;
    }
    EXPECT_THAT(checked, StatusIs(kInvalidArgument));
    for (const std::string& word : refused.words)
      EXPECT_THAT(std::string(checked.message()), HasSubstr(word));
  }
}

TEST_P(StoreRefused, UpToTheirBoundsTablesAreKept) {
  std::string umlauts;
  while (umlauts.size() < 62) umlauts += "ä";
  TableSchema table = NamedTable(std::string(63, 'n'), {KeyColumn(umlauts, Type::kInt64)});
  while (table.columns.size() < 1'599)
    table.columns.push_back(PlainColumn("c" + std::to_string(table.columns.size()), Type::kInt32));
  // The mirror has one more of its own then.
  if (!Lacks(Capability::kPartnerSql)) table.deletes = Deletes::kIgnore;
  ASSERT_THAT(store_->CheckTable(table), IsOk());
  Create(table);
  Row row = {7};
  while (row.size() < table.columns.size()) row.emplace_back(nullptr);
  EXPECT_THAT(Insert(table, {row}).status, IsOk());
  EXPECT_THAT(Visible(table), ElementsAre(row));
}

TEST_P(StoreRefused, ADefinitionThatNeedsAnotherTableIsRefusedWhereSomethingHangsOnIt) {
  if (RefusesNothing()) GTEST_SKIP() << Why();
  CreateWith("CREATE VIEW adults AS SELECT name FROM people WHERE age > 17");
  const auto before = Record("people");
  for (const TableSchema& table : {WithTextAge(), WithNameInKey()}) {
    EXPECT_THAT(Agree(table).status,
                StatusIs(kFailedPrecondition, AllOf(HasSubstr("'people'"), HasSubstr("adults"))));
    EXPECT_EQ(Record("people"), before);
    EXPECT_THAT(store_->records().ReadSchema("people"), IsOkAndHolds(People()));
  }
  EXPECT_THAT(See("SELECT name FROM adults"), ElementsAre(Row{"Ada"}));

  Do("DROP VIEW adults");
  EXPECT_THAT(Agree(WithTextAge()).status, IsOk());
  EXPECT_THAT(Populate(WithTextAge(), {{1, "Ada", "36"}}).status, IsOk());
  EXPECT_THAT(Visible(WithTextAge()), ElementsAre(Row{1, "Ada", "36"}));
}

TEST_P(StoreRefused, WhatHangsOnATableSinceThenStopsItsPopulation) {
  if (RefusesNothing()) GTEST_SKIP() << Why();
  Create(People());
  ASSERT_THAT(Insert(People(), {{1, "Ada", 36}}).status, IsOk());
  ASSERT_THAT(Agree(WithTextAge()).status, IsOk());
  Do("CREATE VIEW adults AS SELECT name FROM people WHERE age > 17");
  const auto before = Record("people");

  EXPECT_THAT(Populate(WithTextAge(), {{1, "Ada", "36"}, {2, "Grace", "45"}}).status,
              StatusIs(kFailedPrecondition, AllOf(HasSubstr("'people'"), HasSubstr("adults"))));

  EXPECT_EQ(Record("people"), before);
  EXPECT_THAT(Visible(People()), ElementsAre(Row{1, "Ada", 36}));
  EXPECT_THAT(backend_->Leftovers(), ElementsAre(0, 0, 0));
  Do("DROP VIEW adults");
  EXPECT_THAT(Populate(WithTextAge(), {{2, "Grace", "45"}}).status, IsOk());
}

TEST_P(StoreRefused, AConstraintThatIsCheckedAtTheEndAloneIsNamed) {
  if (RefusesNothing()) GTEST_SKIP() << Why();
  CreateWith("ALTER TABLE people ADD CONSTRAINT once UNIQUE (age) DEFERRABLE INITIALLY DEFERRED");
  EXPECT_THAT(Agree(People()).status,
              StatusIs(kFailedPrecondition, AllOf(HasSubstr("'people'"), HasSubstr("'once'"))));
  Do("ALTER TABLE people DROP CONSTRAINT once");
  EXPECT_THAT(Agree(People()).status, IsOk());
}

TEST_P(StoreRefused, APopulationThatIsTooLargeForAMergeLeavesTheRows) {
  if (RefusesNothing()) GTEST_SKIP() << Why();
  store_ = dynamic_cast<PostgresBackend&>(*backend_).Open({.merge_rows_max = 3});
  Create(People());
  const Rows three = {{1, "a", 1}, {2, "b", 2}, {3, "c", 3}};
  Rows four = three;
  four.push_back({4, "d", 4});
  // Nothing is there yet to be merged into.
  ASSERT_THAT(Populate(People(), four).status, IsOk());
  EXPECT_THAT(Populate(People(), three).status, IsOk());
  EXPECT_THAT(Populate(People(), four).status,
              StatusIs(kFailedPrecondition, AllOf(HasSubstr("'people'"), HasSubstr("merge_rows_max"))));
  EXPECT_EQ(Visible(People()), three);
  EXPECT_EQ(RowCount("people"), 3);
}

TEST_P(StoreRefused, AKeyThatIsTooLongIsNamedByItsRowAndNotShown) {
  if (RefusesNothing()) GTEST_SKIP() << Why();
  Create(Pairs());
  std::mt19937 random(7);
  std::string key = "secret";
  while (key.size() < 3'000) key += static_cast<char>('a' + random() % 26);
  const auto refused =
      StatusIs(kInvalidArgument, AllOf(HasSubstr("'pairs'"), HasSubstr("row 1"), Not(HasSubstr("secret"))));
  EXPECT_THAT(Insert(Pairs(), {{1, "short", "v"}, {2, key, "v"}}).status, refused);
  EXPECT_THAT(Visible(Pairs()), testing::IsEmpty());
  EXPECT_THAT(Insert(Pairs(), {{1, "short", "v"}}).status, IsOk());
}

INSTANTIATE_TEST_SUITE_P(EveryStore, StoreRefused, testing::ValuesIn(EveryBackend()), NameOfBackend);

}  // namespace
}  // namespace mirror::store_refused_test
