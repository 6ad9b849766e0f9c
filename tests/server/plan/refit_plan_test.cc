
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/plan/schema_plan.h"
#include "tests/support/rows.h"

namespace mirror::refit_plan_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TableSchema Keeping() {
  TableSchema table = NamedTable(
      "t", {KeyColumn("id", Type::kInt64), PlainColumn("a", Type::kText), PlainColumn("b", Type::kInt32)});
  for (std::size_t i = 0; i < table.columns.size(); ++i) table.columns[i].column_id = i + 1;
  table.preserve_target = true;
  return table;
}

std::string ToString(const RefitTable& refit) {
  std::string text;
  const auto add = [&](const std::string& what) { absl::StrAppend(&text, text.empty() ? "" : " ", what); };
  for (const std::string& column : refit.emptied) add("!" + column);
  for (const auto& change : refit.alter.changes) {
    if (const auto* column = std::get_if<AddColumn>(&change)) add("+" + column->column.name);
    if (const auto* column = std::get_if<DropColumn>(&change)) add("-" + column->name);
    if (const auto* column = std::get_if<RenameColumn>(&change)) add(column->from + ">" + column->to);
  }
  for (const RetypeColumn& column : refit.retyped) add("~" + column.to.name);
  return text;
}

struct RefitCase {
  std::string name;
  std::function<void(TableSchema&)> change;
  std::optional<std::string> want;  ///< Absent: refused.
};

class Refit : public testing::TestWithParam<RefitCase> {};

TEST_P(Refit, KeepsTheTableAndRefusesAnotherKey) {
  const RefitCase& test = GetParam();
  TableSchema to = Keeping();
  test.change(to);

  const RefitPlan plan = PlanRefit(Keeping(), to);

  EXPECT_EQ(plan.refusal.empty(), test.want.has_value()) << plan.refusal;
  if (test.want) {
    EXPECT_EQ(ToString(plan.action), *test.want);
  } else {
    EXPECT_THAT(plan.refusal, AllOf(HasSubstr("key changed"), HasSubstr("mirrorctl reset")));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Changes, Refit,
    testing::Values(
        RefitCase{"Nothing", [](TableSchema&) {}, ""},
        RefitCase{"AnotherTable", [](TableSchema& table) { table.table_id = 7; }, ""},
        RefitCase{"Added", [](TableSchema& table) { table.columns.push_back(PlainColumn("c", Type::kText)); },
                  "+c"},
        RefitCase{"Dropped", [](TableSchema& table) { table.columns.pop_back(); }, "-b"},
        RefitCase{"Renamed", [](TableSchema& table) { table.columns[1].name = "x"; }, "a>x"},
        RefitCase{"NamesExchanged",
                  [](TableSchema& table) {
                    table.columns[1].name = "b";
                    table.columns[2].name = "a";
                  },
                  "a>_mirror_renamed_0 b>_mirror_renamed_1 _mirror_renamed_0>b _mirror_renamed_1>a"},
        RefitCase{"MadeAgainUnderItsName", [](TableSchema& table) { table.columns[1].column_id = 9; },
                  "-a +a"},
        RefitCase{"AnotherType", [](TableSchema& table) { table.columns[1].type = Type::kInt64; }, "~a"},
        RefitCase{"Shorter", [](TableSchema& table) { table.columns[1].length = 5; }, ""},
        RefitCase{"LeftOut", [](TableSchema& table) { table.columns[1].rule = Rule::kLeftOut; }, "!a -a"},
        // Of rows that nobody writes again, too, the value must go.
        RefitCase{"Masked", [](TableSchema& table) { table.columns[1].rule = Rule::kMasked; }, "!a"},
        RefitCase{"MaskedNumberUnderAnotherName",
                  [](TableSchema& table) {
                    table.columns[2].rule = Rule::kMasked;
                    table.columns[2].name = "x";
                  },
                  "!b b>x ~x"},
        RefitCase{"WiderKey", [](TableSchema& table) { table.columns[0].type = Type::kInt16; }, "~id"},
        RefitCase{"KeyOfAnotherType", [](TableSchema& table) { table.columns[0].type = Type::kText; }, {}},
        RefitCase{"AnotherKey",
                  [](TableSchema& table) {
                    table.columns[0].key_position = 0;
                    table.columns[1].key_position = 1;
                  },
                  {}},
        RefitCase{"LongerKey", [](TableSchema& table) { table.columns[1].key_position = 2; }, {}},
        RefitCase{"NoKey", [](TableSchema& table) { table.columns[0].key_position = 0; }, {}},
        RefitCase{"KeyGone", [](TableSchema& table) { table.columns.erase(table.columns.begin()); }, {}},
        RefitCase{"NewKey",
                  [](TableSchema& table) { table.columns.push_back(KeyColumn("k", Type::kInt64, 2)); },
                  {}},
        RefitCase{"KeyHashed", [](TableSchema& table) { table.columns[0].rule = Rule::kHashed; }, {}}),
    [](const auto& test) { return test.param.name; });

// --- In the plan of a table
// -----------------------------------------------------------------------------------

TableRecord RecordOf(const TableSchema& table) {
  TableRecord record;
  record.table = table.name;
  record.schema_hash = SchemaHash(table);
  record.position = Position{Lsn{5}, "line"};
  return record;
}

TablePlan PlanOf(const TableSchema& agreed, const TableSchema& announced) {
  return PlanTable(RecordOf(agreed), agreed, {}, announced, SchemaHash(announced));
}

TEST(PlanOfAKeepingTable, TurnedOnItIsFittedAndPopulated) {
  TableSchema from = Keeping();
  from.preserve_target = false;
  const TablePlan plan = PlanOf(from, Keeping());
  EXPECT_EQ(plan.action, SchemaAction::kRepopulate);
  EXPECT_THAT(plan.reason, HasSubstr("preserve_target"));
  ASSERT_EQ(plan.step->actions.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<RefitTable>(plan.step->actions[0]));
  EXPECT_EQ(plan.step->record->state, TableState::kRepopulate);
}

TEST(PlanOfAKeepingTable, TurnedOffItIsAnOrdinaryPopulationThatSaysWhatGoes) {
  TableSchema to = Keeping();
  to.preserve_target = false;
  const TablePlan plan = PlanOf(Keeping(), to);
  EXPECT_EQ(plan.action, SchemaAction::kRepopulate);
  EXPECT_THAT(plan.reason, HasSubstr("the partner's too"));
  ASSERT_EQ(plan.step->actions.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<AgreeSchema>(plan.step->actions[0]));
}

TEST(PlanOfAKeepingTable, AnotherKeyIsRefusedAndNothingIsWritten) {
  TableSchema to = Keeping();
  to.columns[1].key_position = 2;
  const TablePlan plan = PlanOf(Keeping(), to);
  EXPECT_EQ(plan.action, SchemaAction::kRefused);
  EXPECT_THAT(plan.reason, HasSubstr("table 't'"));
  EXPECT_FALSE(plan.step.has_value());
}

TEST(PlanOfAKeepingTable, AChangeInPlaceHasNoPopulationToFallBackTo) {
  TableSchema to = Keeping();
  to.columns.push_back(PlainColumn("c", Type::kText));
  to.columns.back().backfill = Backfill::kNone;
  const TablePlan plan = PlanOf(Keeping(), to);
  EXPECT_EQ(plan.action, SchemaAction::kAltered);
  EXPECT_EQ(ToString(std::get<RefitTable>(plan.step->actions.at(0))), "+c");
  EXPECT_TRUE(plan.step->otherwise.empty());
  EXPECT_EQ(plan.step->record->position, (Position{Lsn{5}, "line"}));
}

TEST(PlanOfAKeepingTable, AnotherTableUnderItsNameHasIdsOfItsOwn) {
  TableSchema from = Keeping(), to = Keeping();
  from.table_id = 7;
  to.table_id = 8;
  to.columns[1].column_id = 3;
  to.columns[2].column_id = 2;
  EXPECT_EQ(ToString(PlanRefit(from, to).action), "");
  to.columns[2].name = "c";
  EXPECT_EQ(ToString(PlanRefit(from, to).action), "-b +c");
  to.columns[1].rule = Rule::kMasked;
  EXPECT_TRUE(PlanOf(from, to).rules_changed);
}

TEST(PlanOfAKeepingTable, ItIsNotTurnedOnOverRowsUnderFormerRules) {
  TableSchema from = Keeping(), to = Keeping();
  from.preserve_target = false;
  from.columns[1].rule = to.columns[1].rule = Rule::kLeftOut;
  TableRecord record = RecordOf(from);
  const auto plan = [&](bool rules_pending) {
    return PlanTable(record, from, {}, to, SchemaHash(to), rules_pending);
  };
  EXPECT_EQ(plan(true).action, SchemaAction::kRepopulate);
  for (const TableState state : {TableState::kRepopulate, TableState::kMirrored}) {
    record.state = state;
    record.position = Position{};
    const TablePlan refused = plan(true);
    EXPECT_EQ(refused.action, SchemaAction::kRefused);
    EXPECT_THAT(refused.reason, AllOf(HasSubstr("table 't'"), HasSubstr("without preserve_target")));
    EXPECT_FALSE(refused.step.has_value());
    // Settings that are back before the population that their absence called for.
    EXPECT_EQ(plan(false).action, SchemaAction::kRepopulate);
  }
}

TEST(PlanOfAKeepingTable, UnspecifiedDeletesAreApply) {
  TableSchema from = Keeping(), to = Keeping();
  to.deletes = Deletes::kApply;
  EXPECT_EQ(PlanOf(from, to).action, SchemaAction::kUnchanged);
  to.columns.pop_back();
  EXPECT_EQ(PlanOf(from, to).action, SchemaAction::kAltered);
}

}  // namespace
}  // namespace mirror::refit_plan_test
