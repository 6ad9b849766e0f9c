#include "server/plan/schema_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/support/rows.h"

namespace mirror::schema_plan_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::int64_t kOldCycle = 7;

std::string ToString(const AlterTable& alter) {
  std::string text;
  for (const auto& change : alter.changes) {
    if (!text.empty()) text += ", ";
    if (const auto* add = std::get_if<AddColumn>(&change)) text += "add " + add->column.name;
    if (const auto* drop = std::get_if<DropColumn>(&change)) text += "drop " + drop->name;
    if (const auto* rename = std::get_if<RenameColumn>(&change)) text += rename->from + " to " + rename->to;
    if (const auto* retype = std::get_if<RetypeColumn>(&change)) {
      text += retype->from.name + " retyped as " + retype->to.name;
    }
  }
  return text;
}

// --- The table 'Schema changes' of the protocol, row by row
// ---------------------------------------------------

TableSchema Base() {
  TableSchema table = NamedTable("t", {KeyColumn("id", Type::kInt32), PlainColumn("name", Type::kText),
                                       PlainColumn("price", Type::kDecimal), PlainColumn("n", Type::kInt16)});
  for (std::size_t i = 0; i < table.columns.size(); ++i) table.columns[i].column_id = i + 1;
  table.columns[1].length = 40;
  table.table_id = 9;
  return table;
}

using Edit = std::function<void(TableSchema&)>;

struct ChangeCase {
  std::string name;
  Edit before, after;  ///< What is done to Base() on either side.
  std::string in_place;
  std::string repopulate;  ///< Part of the reason; empty: in place.
};

Column Added(Backfill backfill, std::optional<Literal> value = {}) {
  Column column = PlainColumn("added", Type::kInt32);
  column.column_id = 50;
  column.backfill = backfill;
  column.default_value = std::move(value);
  return column;
}

Edit Nothing() {
  return [](TableSchema&) {};
}
Edit Set(std::size_t index, std::function<void(Column&)> edit) {
  return [index, edit](TableSchema& table) { edit(table.columns[index]); };
}
Edit Retype(std::size_t index, Type type) {
  return Set(index, [type](Column& column) {
    column.type = type;
    column.length = column.precision = column.scale = 0;
  });
}
Edit Any(std::size_t index, Affinity affinity) {
  return Set(index, [affinity](Column& column) {
    column.type = Type::kAny;
    column.affinity = affinity;
    column.length = column.precision = column.scale = 0;
  });
}
Edit Add(Column column) {
  return [column](TableSchema& table) { table.columns.push_back(column); };
}
Edit Drop(std::size_t index) {
  return [index](TableSchema& table) {
    table.columns.erase(table.columns.begin() + static_cast<std::ptrdiff_t>(index));
  };
}
Edit Then(Edit first, Edit second) {
  return [first, second](TableSchema& table) {
    first(table);
    second(table);
  };
}
Edit WithoutIds() {
  return [](TableSchema& table) {
    table.table_id = 0;
    for (Column& column : table.columns) column.column_id = 0;
  };
}
Edit Name(std::size_t index, std::string name) {
  return Set(index, [name](Column& column) { column.name = name; });
}

std::vector<ChangeCase> ChangeCases() {
  const Edit none = Nothing();
  return {
      {"Nothing", none, none, "", ""},
      {"ColumnsInAnotherOrder", none, [](TableSchema& t) { std::swap(t.columns[1], t.columns[3]); }, "", ""},
      // In place.
      {"AddedEmpty", none, Add(Added(Backfill::kNone)), "add added", ""},
      {"AddedEmptyWithADefaultForLater", none, Add(Added(Backfill::kNone, Literal(std::int64_t{1}))),
       "add added", ""},
      {"AddedWithDefault", none, Add(Added(Backfill::kDefault, Literal(std::int64_t{1}))), "add added", ""},
      {"AddedNotNullWithDefault", none,
       Then(Add(Added(Backfill::kDefault, Literal(std::int64_t{1}))),
            Set(4, [](Column& c) { c.nullable = false; })),
       "add added", ""},
      {"Dropped", none, Drop(1), "drop name", ""},
      {"Renamed", none, Name(1, "label"), "name to label", ""},
      {"KeyRenamed", none, Name(0, "key"), "id to key", ""},
      {"RenamedToAnotherCase", none, Name(1, "NAME"), "name to NAME", ""},
      {"RenamedWithoutIdsIsDropAndAdd", WithoutIds(), Then(WithoutIds(), Name(1, "label")), "",
       "only the source knows its values"},
      {"RenamedToAnotherCaseWithoutIds", WithoutIds(), Then(WithoutIds(), Name(1, "NAME")), "name to NAME",
       ""},
      {"DroppedAndAnotherTookItsName", none, Then(Drop(1), Name(1, "name")), "drop name, price to name", ""},
      {"DroppedAndAddedUnderItsName", none, Then(Drop(1), Add([] {
                                                   Column c = Added(Backfill::kNone);
                                                   c.name = "NAME";
                                                   return c;
                                                 }())),
       "drop name, add NAME", ""},
      {"RenamedAndAnotherTookTheOldName", none, Then(Name(1, "label"), Name(3, "name")),
       "name to label, n to name", ""},
      {"Int16ToInt32", none, Retype(3, Type::kInt32), "n retyped as n", ""},
      {"Int16ToInt64", none, Retype(3, Type::kInt64), "n retyped as n", ""},
      {"BoolToInt16", Retype(3, Type::kBool), Retype(3, Type::kInt16), "n retyped as n", ""},
      {"FloatToDouble", Retype(3, Type::kFloat), Retype(3, Type::kDouble), "n retyped as n", ""},
      {"IntegerToAny", none, Any(3, Affinity::kInteger), "n retyped as n", ""},
      {"RealToAny", Retype(3, Type::kDouble), Any(3, Affinity::kReal), "n retyped as n", ""},
      {"TextToAny", none, Any(1, Affinity::kText), "name retyped as name", ""},
      {"DecimalToAny", none, Any(2, Affinity::kText), "price retyped as price", ""},
      {"DateToAny", Retype(3, Type::kDate), Any(3, Affinity::kText), "n retyped as n", ""},
      {"UuidToAny", Retype(3, Type::kUuid), Any(3, Affinity::kText), "n retyped as n", ""},
      {"BytesToAny", Retype(3, Type::kBytes), Any(3, Affinity::kBlob), "n retyped as n", ""},
      {"WiderUnderAnotherName", none, Then(Retype(3, Type::kInt64), Name(3, "count")),
       "n to count, n retyped as count", ""},
      {"WiderBesideANewColumn", none, Then(Retype(3, Type::kInt64), Add(Added(Backfill::kNone))),
       "add added, n retyped as n", ""},
      {"TextLonger", none, Set(1, [](Column& c) { c.length = 41; }), "", ""},
      {"TextUnbounded", none, Set(1, [](Column& c) { c.length = 0; }), "", ""},
      {"MoreDigits", Set(2, [](Column& c) { c.precision = 20; }), none, "", ""},
      {"NotNull", none, Set(1, [](Column& c) { c.nullable = false; }), "", ""},
      {"Null", Set(1, [](Column& c) { c.nullable = false; }), none, "", ""},
      {"AnotherDefault", none, Set(1, [](Column& c) { c.default_value = std::string("x"); }), "", ""},
      {"KeyWiderInteger", none, Retype(0, Type::kInt64), "id retyped as id", ""},
      {"TableGotAnId", [](TableSchema& t) { t.table_id = 0; }, none, "", ""},
      {"ColumnsGotIds", WithoutIds(), none, "", ""},
      // Repopulate.
      {"AnotherTableId", none, [](TableSchema& t) { t.table_id = 10; }, "", "another table"},
      {"AddedUnknown", none, Add(Added(Backfill::kUnknown)), "", "only the source knows its values"},
      {"AddedUnspecified", none, Add(Added(Backfill::kUnspecified)), "", "only the source knows its values"},
      {"AddedDefaultWithoutOne", none, Add(Added(Backfill::kDefault)), "",
       "only the source knows its values"},
      {"AddedEmptyButNotNull", none,
       Then(Add(Added(Backfill::kNone)), Set(4, [](Column& c) { c.nullable = false; })), "",
       "only the source knows its values"},
      {"KeyColumnAdded", none, Add([] {
         Column c = Added(Backfill::kDefault, Literal(std::int64_t{1}));
         c.key_position = 2;
         return c;
       }()),
       "", "key changed"},
      {"KeyColumnGone", Set(1, [](Column& c) { c.key_position = 2; }), Drop(1), "", "key changed"},
      {"KeyMoved", none,
       Then(Set(0, [](Column& c) { c.key_position = 0; }), Set(3, [](Column& c) { c.key_position = 1; })), "",
       "key changed"},
      {"KeyInAnotherOrder", Set(1, [](Column& c) { c.key_position = 2; }),
       Then(Set(0, [](Column& c) { c.key_position = 2; }), Set(1, [](Column& c) { c.key_position = 1; })), "",
       "key changed"},
      {"KeyGone", none, Set(0, [](Column& c) { c.key_position = 0; }), "", "key changed"},
      {"KeyIntegerToAny", none, Any(0, Affinity::kInteger), "", "key"},
      {"KeyBoolToInteger", Retype(0, Type::kBool), none, "", "key"},
      {"Int32ToInt16", Retype(3, Type::kInt32), none, "", "changed its type"},
      {"Int16ToBool", none, Retype(3, Type::kBool), "", "changed its type"},
      {"IntegerToText", none, Retype(3, Type::kText), "", "changed its type"},
      {"IntegerToDouble", none, Retype(3, Type::kDouble), "", "changed its type"},
      {"DoubleToFloat", Retype(3, Type::kDouble), Retype(3, Type::kFloat), "", "changed its type"},
      {"IntegerToAnyOfTextAffinity", none, Any(3, Affinity::kText), "", "changed its type"},
      {"IntegerToAnyWithoutAffinity", none, Any(3, Affinity::kBlob), "", "changed its type"},
      {"DecimalToAnyOfIntegerAffinity", none, Any(2, Affinity::kInteger), "", "changed its type"},
      {"TimestampToAny", Retype(3, Type::kTimestamp), Any(3, Affinity::kText), "", "changed its type"},
      {"TimeToAny", Retype(3, Type::kTime), Any(3, Affinity::kText), "", "changed its type"},
      {"AnyToInteger", Any(3, Affinity::kInteger), none, "", "changed its type"},
      {"AnyToAnotherAffinity", Any(3, Affinity::kInteger), Any(3, Affinity::kNumeric), "",
       "changed its type"},
      {"DateToTimestamp", Retype(3, Type::kDate), Retype(3, Type::kTimestamp), "", "changed its type"},
      {"TimestampToUtc", Retype(3, Type::kTimestamp), Retype(3, Type::kTimestampTz), "", "changed its type"},
      {"OtherDigitsOfASecond",
       Set(3,
           [](Column& c) {
             c.type = Type::kTime;
             c.precision = 3;
           }),
       Set(3,
           [](Column& c) {
             c.type = Type::kTime;
             c.precision = 7;
           }),
       "", "changed its type"},
      {"OtherScale", none, Set(2, [](Column& c) { c.scale = 11; }), "", "changed its type"},
      {"FewerDigits", none, Set(2, [](Column& c) { c.precision = 20; }), "", "changed its type"},
      {"TextShorter", none, Set(1, [](Column& c) { c.length = 39; }), "", "changed its type"},
      {"TextBounded", Set(1, [](Column& c) { c.length = 0; }), none, "", "changed its type"},
      {"PreserveTarget", none, [](TableSchema& t) { t.preserve_target = true; }, "", "preserve_target"},
      {"Deletes", none, [](TableSchema& t) { t.deletes = Deletes::kIgnore; }, "", "deletes"},
      {"TwoColumnsTookEachOthersName", none, Then(Name(1, "n"), Name(3, "name")), "",
       "name of another column"},
  };
}

class SchemaChange : public testing::TestWithParam<ChangeCase> {};

TEST_P(SchemaChange, IsMadeInPlaceOrPopulatesAsTheProtocolSays) {
  const ChangeCase& test = GetParam();
  TableSchema from = Base(), to = Base();
  test.before(from);
  test.after(to);

  const SchemaDifference difference = Compare(from, to);

  EXPECT_EQ(ToString(difference.alter), test.in_place);
  if (test.repopulate.empty()) {
    EXPECT_EQ(difference.repopulate_reason, "");
  } else {
    EXPECT_THAT(difference.repopulate_reason, HasSubstr(test.repopulate));
  }
}

INSTANTIATE_TEST_SUITE_P(Protocol, SchemaChange, testing::ValuesIn(ChangeCases()),
                         [](const auto& test) { return test.param.name; });

// --- What becomes of a table
// ----------------------------------------------------------------------------------

TableRecord RecordOf(const TableSchema& table) {
  TableRecord record;
  record.table = table.name;
  record.schema_hash = SchemaHash(table);
  record.position = Position{Lsn{5}, "line"};
  record.pending = Position{Lsn{6}, "next"};
  record.seq = 3;
  record.cycle = kOldCycle;
  record.row_count = 10;
  return record;
}

TablePlan PlanOf(const std::optional<TableRecord>& record, const std::optional<TableSchema>& agreed,
                 const TableSchema& announced, const std::vector<std::string>& lost = {}) {
  return PlanTable(record, agreed, lost, announced, SchemaHash(announced));
}

template <typename T>
bool Has(const Step& step) {
  for (const Action& action : step.actions) {
    if (std::holds_alternative<T>(action)) return true;
  }
  return false;
}

TEST(PlanTable, ATableThatIsAsItWasNeedsNothing) {
  const TablePlan plan = PlanOf(RecordOf(Base()), Base(), Base());

  EXPECT_EQ(plan.action, SchemaAction::kUnchanged);
  EXPECT_FALSE(plan.step);
  EXPECT_EQ(plan.reason, "");
}

TEST(PlanTable, ATableThatSomebodyChangedByHandIsPopulatedAndOneThatHeMadeIsRefused) {
  TouchedTable touched{.table = "t", .columns = {"mine"}};
  const auto plan = [&] {
    return PlanTable(RecordOf(Base()), Base(), {}, Base(), SchemaHash(Base()), false, &touched);
  };
  EXPECT_EQ(plan().action, SchemaAction::kUnchanged) << "it can be written";
  touched.lacks = "it has no column 'x'";
  EXPECT_EQ(plan().action, SchemaAction::kRepopulate);
  EXPECT_THAT(plan().reason, HasSubstr("by hand in the mirror: it has no column 'x'"));
  EXPECT_EQ(plan().step->record->position, Position{});
  EXPECT_EQ(plan().step->record->state, TableState::kRepopulate);
  touched.is_ours = false;
  EXPECT_EQ(plan().action, SchemaAction::kRefused);
  EXPECT_FALSE(plan().step);
  EXPECT_THAT(plan().reason, HasSubstr("Rename or drop it"));
}

TEST(PlanTable, ANewTableIsCreatedWithNothingTrusted) {
  const TablePlan plan = PlanOf({}, {}, Base());

  EXPECT_EQ(plan.action, SchemaAction::kCreated);
  ASSERT_TRUE(plan.step);
  EXPECT_EQ(plan.step->table, "t");
  EXPECT_EQ(plan.step->expected, std::nullopt);
  EXPECT_TRUE(Has<CreateTable>(*plan.step));
  EXPECT_TRUE(Has<AgreeSchema>(*plan.step));
  EXPECT_EQ(plan.step->record->position, Position{});
  EXPECT_EQ(plan.step->record->schema_hash, SchemaHash(Base()));
  EXPECT_EQ(plan.step->record->state, TableState::kMirrored);
}

TEST(PlanTable, ARecordWithoutDefinitionIsNotTrusted) {
  const TablePlan plan = PlanOf(RecordOf(Base()), {}, Base());

  EXPECT_EQ(plan.action, SchemaAction::kCreated);
  EXPECT_EQ(plan.step->expected, RecordOf(Base()));
  EXPECT_EQ(plan.step->record->position, Position{});
  EXPECT_EQ(plan.step->record->pending, std::nullopt);
}

TEST(PlanTable, ATableWhoseRecordIsGoneIsPopulated) {
  const TablePlan plan = PlanOf({}, Base(), Base());

  EXPECT_EQ(plan.action, SchemaAction::kRepopulate);
  EXPECT_THAT(plan.reason, HasSubstr("metadata row is missing"));
  EXPECT_FALSE(Has<CreateTable>(*plan.step)) << "the rows stay visible until the population";
  EXPECT_EQ(plan.step->record->position, Position{});
  EXPECT_EQ(plan.step->record->state, TableState::kRepopulate);
}

TEST(PlanTable, AChangeInPlaceKeepsPositionAndPending) {
  TableSchema announced = Base();
  announced.columns[1].name = "label";

  const TablePlan plan = PlanOf(RecordOf(Base()), Base(), announced);

  EXPECT_EQ(plan.action, SchemaAction::kAltered);
  ASSERT_TRUE(plan.step);
  EXPECT_TRUE(Has<AlterTable>(*plan.step));
  EXPECT_TRUE(Has<AgreeSchema>(*plan.step));
  TableRecord want = RecordOf(Base());
  want.schema_hash = SchemaHash(announced);
  EXPECT_EQ(plan.step->record, want);
  EXPECT_EQ(plan.step->expected, RecordOf(Base()));
}

TEST(PlanTable, AChangeInPlaceThatThePartnerPreventsBecomesAPopulation) {
  TableSchema announced = Base();
  announced.columns[1].name = "label";

  const TablePlan plan = PlanOf(RecordOf(Base()), Base(), announced);

  ASSERT_THAT(plan.step->otherwise, SizeIs(1));
  const Step& otherwise = plan.step->otherwise[0];
  EXPECT_EQ(otherwise.table, "t");
  EXPECT_FALSE(Has<AlterTable>(otherwise));
  EXPECT_TRUE(Has<AgreeSchema>(otherwise));
  EXPECT_EQ(otherwise.record->position, Position{});
  EXPECT_EQ(otherwise.record->pending, std::nullopt);
  EXPECT_EQ(otherwise.record->state, TableState::kRepopulate);
  EXPECT_EQ(otherwise.record->schema_hash, SchemaHash(announced));
}

TEST(PlanTable, AColumnThatWasDroppedAtTheSamePositionIsNotBackInPlace) {
  TableSchema announced = Base();
  announced.columns.push_back(PlainColumn("Seen", Type::kText));
  announced.columns.back().backfill = Backfill::kNone;

  EXPECT_EQ(PlanOf(RecordOf(Base()), Base(), announced).action, SchemaAction::kAltered);
  EXPECT_EQ(PlanOf(RecordOf(Base()), Base(), announced, {"other"}).action, SchemaAction::kAltered);
  const TablePlan plan = PlanOf(RecordOf(Base()), Base(), announced, {"other", "sEEn"});
  EXPECT_EQ(plan.action, SchemaAction::kRepopulate);
  EXPECT_THAT(plan.reason, AllOf(HasSubstr("'Seen'"), HasSubstr("same LSN")));
  EXPECT_EQ(plan.step->record->position, Position{});
}

TEST(PlanTable, AChangeWithoutDdlNeedsNoAlternative) {
  TableSchema announced = Base();
  announced.columns[1].nullable = false;
  announced.columns[1].length = 0;

  const TablePlan plan = PlanOf(RecordOf(Base()), Base(), announced);

  EXPECT_EQ(plan.action, SchemaAction::kAltered);
  EXPECT_FALSE(Has<AlterTable>(*plan.step));
  EXPECT_THAT(plan.step->otherwise, IsEmpty());
  EXPECT_EQ(plan.step->record->position.lsn, Lsn{5});
}

TEST(PlanTable, AWiderTypeIsLeftToTheStoreWhichMayHaveToPopulate) {
  TableSchema announced = Base();
  announced.columns[3].type = Type::kInt32;

  const TablePlan plan = PlanOf(RecordOf(Base()), Base(), announced);

  EXPECT_EQ(plan.action, SchemaAction::kAltered);
  EXPECT_TRUE(Has<AlterTable>(*plan.step));
  EXPECT_EQ(plan.step->record->position.lsn, Lsn{5});
  ASSERT_THAT(plan.step->otherwise, SizeIs(1));
  EXPECT_EQ(plan.step->otherwise[0].record->state, TableState::kRepopulate);
}

TEST(PlanTable, AWiderTypeWhereThePartnersRowsAreKeptIsARefitOfItsOwn) {
  TableSchema agreed = Base();
  agreed.preserve_target = true;
  TableSchema announced = agreed;
  announced.columns[1].name = "label";
  announced.columns[3].type = Type::kInt32;

  const TablePlan plan = PlanOf(RecordOf(agreed), agreed, announced);

  EXPECT_EQ(plan.action, SchemaAction::kAltered);
  ASSERT_TRUE(Has<RefitTable>(*plan.step));
  EXPECT_FALSE(Has<AlterTable>(*plan.step));
  const auto& refit = std::get<RefitTable>(plan.step->actions.front());
  EXPECT_EQ(ToString(refit.alter), "name to label");
  ASSERT_THAT(refit.retyped, SizeIs(1));
  EXPECT_EQ(refit.retyped[0].from, KeptForm(agreed).columns[3]);
  EXPECT_EQ(refit.retyped[0].to, KeptForm(announced).columns[3]);
  EXPECT_THAT(plan.step->otherwise, IsEmpty());
}

TEST(PlanTable, ARepopulationTrustsNothingAndSaysWhy) {
  TableSchema announced = Base();
  announced.table_id = 10;

  const TablePlan plan = PlanOf(RecordOf(Base()), Base(), announced);

  EXPECT_EQ(plan.action, SchemaAction::kRepopulate);
  EXPECT_NE(plan.reason, "");
  EXPECT_FALSE(Has<AlterTable>(*plan.step));
  EXPECT_FALSE(Has<CreateTable>(*plan.step));
  EXPECT_EQ(plan.step->record->position, Position{});
  EXPECT_EQ(plan.step->record->pending, std::nullopt);
  EXPECT_EQ(plan.step->record->state, TableState::kRepopulate);
}

TEST(PlanTable, ARepopulationThatIsStillToComeIsSaidAgainAndWritesNothing) {
  TableRecord record = RecordOf(Base());
  record.state = TableState::kRepopulate;
  record.position = Position{};

  const TablePlan plan = PlanOf(record, Base(), Base());

  EXPECT_EQ(plan.action, SchemaAction::kRepopulate);
  EXPECT_NE(plan.reason, "");
  EXPECT_FALSE(plan.step);
}

TEST(PlanTable, ARepopulationThatIsStillToComeIsNotForgottenByAnotherChange) {
  // The visible rows are older than `agreed`: a change in place must not be tried on them.
  TableRecord record = RecordOf(Base());
  record.state = TableState::kRepopulate;
  record.position = Position{};
  TableSchema announced = Base();
  announced.columns[1].name = "label";

  const TablePlan plan = PlanOf(record, Base(), announced);

  EXPECT_EQ(plan.action, SchemaAction::kRepopulate);
  EXPECT_FALSE(Has<AlterTable>(*plan.step));
  EXPECT_EQ(plan.step->record->state, TableState::kRepopulate);
  EXPECT_EQ(plan.step->record->schema_hash, SchemaHash(announced));
}

TEST(PlanTable, AnLsnSetByHandDoesNotUndoARepopulationThatIsStillToCome) {
  TableRecord record = RecordOf(Base());
  record.state = TableState::kRepopulate;

  const TablePlan plan = PlanOf(record, Base(), Base());

  EXPECT_EQ(plan.action, SchemaAction::kRepopulate);
  EXPECT_EQ(plan.step->record->position, Position{});
}

class UnfinishedState : public testing::TestWithParam<TableState> {};

TEST_P(UnfinishedState, OfAnEarlierCycleEndsWithNothingTrusted) {
  TableRecord record = RecordOf(Base());
  record.state = GetParam();
  TableSchema other = Base();
  other.columns[1].name = "label";
  for (const TableSchema& announced : {Base(), other}) {
    const TablePlan plan = PlanOf(record, Base(), announced);

    ASSERT_TRUE(plan.step);
    EXPECT_EQ(plan.step->record->state, TableState::kMirrored);
    EXPECT_EQ(plan.step->record->position, Position{});
    EXPECT_EQ(plan.step->record->pending, record.pending) << "what a died cycle sent is shown";
  }
}

INSTANTIATE_TEST_SUITE_P(Cycle, UnfinishedState,
                         testing::Values(TableState::kPopulating, TableState::kStopped));

TEST(PlanTable, ADefinitionThatWasEditedBesideItsHashIsComparedAnew) {
  TableSchema agreed = Base();
  agreed.columns[3].type = Type::kInt64;
  const TablePlan plan = PlanOf(RecordOf(Base()), agreed, Base());
  EXPECT_EQ(plan.action, SchemaAction::kRepopulate) << "INT64 became INT16";
}

TEST(PlanTable, BackfillAloneIsNoChange) {
  TableSchema announced = Base();
  announced.columns[1].backfill = Backfill::kDefault;
  EXPECT_EQ(PlanOf(RecordOf(Base()), Base(), announced).action, SchemaAction::kUnchanged);
}

TEST(PlanTable, ANameInAnotherCaseIsTheSameTable) {
  TableSchema announced = Base();
  announced.name = "T";
  const TablePlan plan = PlanOf(RecordOf(Base()), Base(), announced);
  EXPECT_THAT(plan.action, testing::AnyOf(SchemaAction::kAltered, SchemaAction::kUnchanged));
  EXPECT_EQ(plan.step ? plan.step->record->position.lsn : Lsn{5}, Lsn{5});
}

TEST(PlanRetire, PutsTheTableAsideWithItsRecord) {
  const Step step = PlanRetire(RecordOf(Base()), "t", 1234);

  EXPECT_EQ(step.expected, RecordOf(Base()));
  EXPECT_EQ(step.record, std::nullopt);
  ASSERT_THAT(step.actions, SizeIs(1));
  EXPECT_EQ(std::get<RetireTable>(step.actions[0]).now_ms, 1234);
}

// --- Column rules
// --------------------------------------------------------------------------------------------------------

TableSchema Ruled(Rule rule, std::uint32_t detail = 0) {
  TableSchema table = Base();
  table.columns[1].rule = rule;
  table.columns[1].rule_detail = detail;
  return table;
}

TEST(ColumnRulePlan, EachChangeOfARulePopulatesAnew) {
  const TableSchema forms[] = {Base(),
                               Ruled(Rule::kLeftOut),
                               Ruled(Rule::kHashed, 1),
                               Ruled(Rule::kHashed, 2),
                               Ruled(Rule::kMasked, 0),
                               Ruled(Rule::kMasked, 4)};
  for (const TableSchema& from : forms) {
    for (const TableSchema& to : forms) {
      const SchemaDifference difference = Compare(from, to);
      EXPECT_EQ(difference.repopulate_reason, from == to ? "" : "the rule for column 'name' changed");
      EXPECT_EQ(SchemaHash(from) == SchemaHash(to), from == to);
    }
  }
}

TEST(ColumnRulePlan, ATableIsMadeWithoutWhatIsLeftOutAndItsRulesAreKept) {
  const TableSchema announced = Ruled(Rule::kLeftOut);
  const TablePlan plan = PlanTable(std::nullopt, std::nullopt, {}, announced, SchemaHash(announced));
  ASSERT_TRUE(plan.step);
  EXPECT_FALSE(plan.rules_changed);
  EXPECT_EQ(std::get<CreateTable>(plan.step->actions[0]).schema.Find("name"), std::nullopt);
  EXPECT_EQ(std::get<AgreeSchema>(plan.step->actions[1]).schema, announced);
}

TEST(ColumnRulePlan, AColumnThatIsLeftOutComesAndGoesWithoutATouchOfTheTable) {
  TableSchema without = Base();
  without.columns.erase(without.columns.begin() + 1);
  EXPECT_EQ(ToString(Compare(without, Ruled(Rule::kLeftOut)).alter), "");
  EXPECT_EQ(ToString(Compare(Ruled(Rule::kLeftOut), without).alter), "");
  EXPECT_EQ(Compare(without, Ruled(Rule::kLeftOut)).repopulate_reason, "");
}

TEST(ColumnRulePlan, ADefaultOfAHashedColumnIsNeverWrittenPlain) {
  TableSchema without = Base(), with = Base();
  with.columns.push_back(Added(Backfill::kDefault, Literal(std::int64_t{7})));
  with.columns.back().rule = Rule::kHashed;
  EXPECT_THAT(Compare(without, with).repopulate_reason, HasSubstr("is new"));
}

}  // namespace
}  // namespace mirror::schema_plan_test
