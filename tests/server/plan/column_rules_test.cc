#include "server/plan/column_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror::column_rules_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kSecret(32, 's');

ColumnRules Rules(ColumnRuleBlock block) { return {{{std::move(block)}, "key"}, kSecret, "Cust"}; }

/// Applies the rules to rows of all columns; what is kept of each row, as text.
class RuledRows {
 public:
  RuledRows(const ColumnRules& rules, TableSchema table) : rules_(rules), agreed_(std::move(table)) {
    EXPECT_THAT(rules_.Set(&agreed_), IsOk());
    kept_ = KeptForm(agreed_);
  }

  absl::Status Apply(Operation operation, const std::vector<std::uint32_t>& columns, const Rows& rows) {
    BatchSpec spec{.operation = operation, .rows = rows};
    for (const std::uint32_t column : columns) spec.columns.push_back(agreed_.columns[column].name);
    batch_ = MakeBatch(agreed_, spec);
    if (!batch_.batch.ok()) return batch_.batch.status();
    return ApplyRules(agreed_, kept_, rules_.hash_key(), &*batch_.batch, &values_);
  }
  std::string Text(std::uint32_t column, std::uint32_t row) const {
    const ColumnView* const view = batch().Find(column);
    if (view == nullptr) return "absent";
    return view->IsNull(row) ? "NULL" : std::string(view->At(row).bytes);
  }
  const ChangeBatch& batch() const { return *batch_.batch; }
  const TableSchema& kept() const { return kept_; }

 private:
  const ColumnRules& rules_;
  TableSchema agreed_, kept_;
  TestBatch batch_{nullptr, nullptr, absl::UnknownError("")};
  RuledValues values_;
};

TEST(ColumnRulesTest, TheLastBlockThatNamesAColumnCounts) {
  const ColumnRulesConfig config{{{.table = "pe*", .leave_out = {"*"}, .hash = {}},
                                  {.table = "PEOPLE", .plain = {"id", "Name"}, .hash = {"age"}},
                                  {.context = "Other", .mask = {"name"}}},
                                 "key"};
  TableSchema table = People();
  ASSERT_THAT(ColumnRules(config, kSecret, "Cust").Set(&table), IsOk());
  EXPECT_EQ(table.columns[0].rule, Rule::kPlain);
  EXPECT_EQ(table.columns[1].rule, Rule::kPlain);
  EXPECT_EQ(table.columns[2].rule, Rule::kHashed);
}

TEST(ColumnRulesTest, WhatASourceSaysOfRulesCountsForNothing) {
  TableSchema table = People();
  table.columns[1].rule = Rule::kHashed;
  ASSERT_THAT(ColumnRules({}, std::nullopt, "Cust").Set(&table), IsOk());
  EXPECT_EQ(table, People());
}

TEST(ColumnRulesTest, AllColumnsLeftOutIsNoTable) {
  TableSchema table = NamedTable("t", {PlainColumn("a", Type::kText)});
  EXPECT_THAT(Rules({.leave_out = {"a"}}).Set(&table),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("all of its columns")));
}

TEST(ColumnRulesTest, MasksKeepTheEndOfATextThatIsTwiceAsLong) {
  const ColumnRules rules = Rules({.mask = {"name", "age"}, .mask_keep = 2});
  RuledRows rows(rules, People());
  ASSERT_THAT(
      rows.Apply(
          Operation::kInsert, {0, 1, 2},
          {{1, "abcd", 5}, {2, "abc", nullptr}, {3, "ab\xC3\xA9\xC3\xA8", 5}, {4, nullptr, 5}, {5, "", 1}}),
      IsOk());
  EXPECT_EQ(rows.Text(1, 0), "****cd");
  EXPECT_EQ(rows.Text(1, 1), "****");
  EXPECT_EQ(rows.Text(1, 2), "****\xC3\xA9\xC3\xA8");
  EXPECT_EQ(rows.Text(1, 3), "NULL");
  EXPECT_EQ(rows.Text(1, 4), "****");
  EXPECT_EQ(rows.Text(2, 0), "****") << "of a number nothing stays";
  EXPECT_EQ(rows.Text(2, 1), "NULL");
}

TEST(ColumnRulesTest, EqualValuesHaveEqualHashesWhateverTheirType) {
  const ColumnRules rules = Rules({.hash = {"a", "b", "c"}});
  RuledRows rows(rules, NamedTable("t", {KeyColumn("id", Type::kInt64), AnyColumn("a", Affinity::kBlob),
                                         PlainColumn("b", Type::kInt16), PlainColumn("c", Type::kText)}));
  ASSERT_THAT(rows.Apply(Operation::kInsert, {0, 1, 2, 3},
                         {{1, 5.0, 5, "x"}, {2, "x", 6, "5"}, {3, -0.0, 0, nullptr}, {4, 0.5, 1, "y"}}),
              IsOk());
  EXPECT_EQ(rows.Text(1, 0), rows.Text(2, 0)) << "5.0 and 5";
  EXPECT_EQ(rows.Text(1, 1), rows.Text(3, 0));
  EXPECT_EQ(rows.Text(1, 2), rows.Text(2, 2)) << "-0.0 and 0";
  EXPECT_NE(rows.Text(3, 1), rows.Text(2, 0)) << "the text 5 and the number";
  EXPECT_EQ(rows.Text(3, 2), "NULL");
  EXPECT_EQ(rows.Text(1, 3).size(), 64U);
}

TEST(ColumnRulesTest, WhatIsLeftOutNeedNotComeAndIsDroppedWhenItDoes) {
  const ColumnRules rules = Rules({.leave_out = {"name"}});
  RuledRows rows(rules, People());
  ASSERT_THAT(rows.Apply(Operation::kInsert, {0, 2}, {{1, 36}}), IsOk());
  EXPECT_EQ(rows.batch().columns.size(), 2U);
  EXPECT_EQ(rows.batch().Find(1)->ints[0], 36) << "the place of 'age' in what is kept";
  ASSERT_THAT(rows.Apply(Operation::kInsert, {0, 1, 2}, {{1, "Ada", 36}}), IsOk());
  EXPECT_EQ(rows.batch().columns.size(), 2U);
  EXPECT_EQ(rows.kept().columns.size(), 2U);
}

TEST(ColumnRulesTest, AnUpdateOfNothingButThatIsABatchWithoutRows) {
  const ColumnRules rules = Rules({.leave_out = {"name"}});
  RuledRows rows(rules, People());
  ASSERT_THAT(rows.Apply(Operation::kUpdate, {0, 1}, {{1, "Ada"}, {2, "Bob"}}), IsOk());
  EXPECT_EQ(rows.batch().row_count, 0U);
}

TEST(ColumnRulesTest, RowsComeInTheOrderOfTheirHashedKeys) {
  const ColumnRules rules = Rules({.hash = {"id"}});
  RuledRows rows(rules, People());
  Rows many;
  for (int i = 0; i < 50; ++i) many.push_back({i, "x", 1});
  ASSERT_THAT(rows.Apply(Operation::kInsert, {0, 1, 2}, many), IsOk());
  ASSERT_EQ(rows.batch().key_order.size(), 50U);
  for (std::size_t i = 1; i < 50; ++i) {
    EXPECT_LT(rows.Text(0, rows.batch().key_order[i - 1]), rows.Text(0, rows.batch().key_order[i]));
  }
}

TEST(ColumnRulesTest, HashesOfABatchAreBounded) {
  const ColumnRules rules = Rules({.hash = {"*"}});
  std::vector<Column> columns = {KeyColumn("id", Type::kInt64)};
  Row row = {0};
  std::vector<std::uint32_t> all = {0};
  for (std::uint32_t i = 1; i < 200; ++i) {
    columns.push_back(PlainColumn("c" + std::to_string(i), Type::kInt16));
    row.push_back(1);
    all.push_back(i);
  }
  RuledRows rows(rules, NamedTable("wide", columns));
  Rows many;
  for (int i = 0; i < 6'000; ++i) {
    row[0] = i;
    many.push_back(row);
  }
  EXPECT_THAT(rows.Apply(Operation::kInsert, all, many),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("smaller batches")));
}

}  // namespace
}  // namespace mirror::column_rules_test
