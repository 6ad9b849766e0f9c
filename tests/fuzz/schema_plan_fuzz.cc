// Two definitions of a table, the second often one that the first became by a few changes. The plan is
// carried out in a real mirror database:
//   - equal definitions: UNCHANGED, and nothing is written
//   - after the plan, the same announcement again is UNCHANGED, or still waits for its population
//   - what is CREATED is not also altered or dropped; no plan retires or drops
//   - changes in place end with exactly the announced columns; those that were kept hold their values, those
//     that were added hold what the plan said

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/wire/table.h"
#include "proto/wire/text_form.h"
#include "server/plan/schema_plan.h"
#include "server/store/sqlite/file/sql.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/mirror_database.h"
#include "tests/fuzz/sqlite.h"

namespace mirror {
namespace {

constexpr std::uint32_t kColumnsMax = 6, kEditsMax = 6;
// Some differ in ASCII case only, one looks like it and does not.
constexpr const char* kNames[] = {"a", "A", "b", "B", "c", "d", "e\"", "\xc3\xa4", "\xc3\x84", "id"};
constexpr Type kTypes[] = {Type::kBool,  Type::kInt16,  Type::kInt32,   Type::kInt64,
                           Type::kFloat, Type::kDouble, Type::kDecimal, Type::kText,
                           Type::kBytes, Type::kDate,   Type::kUuid,    Type::kAny};

std::string ReadName(Input& input) { return kNames[input.Choose(std::size(kNames))]; }

void ReadType(Input& input, Column& column) {
  column.type = kTypes[input.Choose(std::size(kTypes))];
  const std::uint32_t size = input.Choose(4);
  column.length = column.type == Type::kText || column.type == Type::kBytes ? size * 10 : 0;
  column.precision = column.type == Type::kDecimal ? 5 + size : 0;
  column.scale = column.type == Type::kDecimal ? 2 : 0;
  column.affinity =
      column.type == Type::kAny ? static_cast<Affinity>(1 + input.Choose(5)) : Affinity::kUnspecified;
  column.default_value.reset();
}

/// A value that a column may hold, as it travels; `which` of a few.
Literal ValueOf(const Column& column, std::int64_t which) {
  switch (StorageOf(column.type)) {
    case Storage::kInts:
      if (column.type == Type::kBool) return which % 2;
      return column.type == Type::kDate ? which * 864'000'000'000 : which;
    case Storage::kDoubles:
      return static_cast<double>(which) + 0.5;
    case Storage::kBytes:
      if (column.type == Type::kDecimal) return absl::StrCat(which, ".50");
      if (column.type == Type::kText) return absl::StrCat("t", which);
      return Bytes{std::string(column.type == Type::kUuid ? 16 : 2, static_cast<char>('0' + which))};
    case Storage::kAny:
      break;
  }
  if (column.affinity == Affinity::kText) return absl::StrCat("any", which);
  if (column.affinity == Affinity::kBlob) return Bytes{absl::StrCat(which)};
  return which;
}

Stored StoredForm(const Column& column, const Literal& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value);
      integer != nullptr && HasTextForm(column.type)) {
    return TextForm(column, *integer, {});
  }
  const auto* bytes = std::get_if<Bytes>(&value);
  return bytes != nullptr && column.type == Type::kUuid ? Stored(UuidText(bytes->value)) : value;
}

Column ReadColumn(Input& input) {
  Column column;
  column.name = ReadName(input);
  ReadType(input, column);
  const std::uint32_t more = input.Byte();
  column.column_id = more % 5;  // 0: none.
  column.nullable = (more & 0x40) == 0;
  column.backfill = static_cast<Backfill>(input.Choose(4));
  if ((more & 0x80) != 0) column.default_value = ValueOf(column, 3);
  return column;
}

TableSchema ReadTable(Input& input) {
  TableSchema table;
  table.name = "t";
  table.table_id = input.Choose(3);
  Column key;
  key.name = "id";
  key.type = input.Flag() ? Type::kInt32 : Type::kInt64;
  key.column_id = table.table_id == 0 ? 0 : 9;
  key.key_position = input.Choose(8) == 0 ? 0 : 1;
  table.columns.push_back(key);
  for (std::uint32_t left = input.Choose(kColumnsMax); left > 0; --left)
    table.columns.push_back(ReadColumn(input));
  return table;
}

void Edit(Input& input, TableSchema& table) {
  const std::uint32_t what = input.Choose(10);
  const std::size_t at =
      table.columns.empty() ? 0 : input.Choose(static_cast<std::uint32_t>(table.columns.size()));
  if (table.columns.empty()) return;
  Column& column = table.columns[at];
  switch (what) {
    case 0:
      table.columns.erase(table.columns.begin() + static_cast<std::ptrdiff_t>(at));
      return;
    case 1:
    case 2:
      table.columns.insert(table.columns.begin() + static_cast<std::ptrdiff_t>(at), ReadColumn(input));
      return;
    case 3:
      column.name = ReadName(input);
      return;
    case 4:
      ReadType(input, column);
      return;
    case 5:
      std::swap(column, table.columns.back());
      return;
    case 6:
      // As when two columns exchange their names.
      std::swap(column.name, table.columns.back().name);
      return;
    case 7:
      column.nullable = !column.nullable;
      return;
    case 8:
      column.key_position = column.key_position == 0 ? 2 : 0;
      return;
    default:
      table.table_id = input.Choose(3);
  }
}

/// What is left of a step that a test can look at.
struct Outcome {
  TableRecord record;
  TableSchema agreed;
};

/// Takes the plan's step for done.
Outcome After(const TablePlan& plan, const TableSchema& agreed) {
  Require(plan.step.has_value() && plan.step->record.has_value());
  Outcome outcome = {*plan.step->record, agreed};
  for (const auto& action : plan.step->actions) {
    if (const auto* agree = std::get_if<AgreeSchema>(&action)) outcome.agreed = agree->schema;
  }
  return outcome;
}

template <typename Action>
std::vector<const Action*> ActionsOf(const Step& step) {
  std::vector<const Action*> found;
  for (const auto& action : step.actions) {
    if (const auto* one = std::get_if<Action>(&action)) found.push_back(one);
  }
  return found;
}

void TrySteadiness(const TablePlan& plan, const TableSchema& agreed, const TableSchema& announced) {
  const std::string hash = SchemaHash(announced);
  const Outcome after = After(plan, agreed);
  Require(after.agreed == announced || SchemaHash(after.agreed) == hash);
  const TablePlan again = PlanTable(after.record, after.agreed, {}, announced, hash);
  Require(!again.step.has_value());
  Require(again.action ==
          (plan.action == SchemaAction::kRepopulate ? SchemaAction::kRepopulate : SchemaAction::kUnchanged));
}

/// The columns of a table while it is changed: name, and which column of `from` it was; none: an added one.
using Origins = std::vector<std::pair<std::string, std::optional<std::size_t>>>;

Origins::iterator Named(Origins& columns, const std::string& name) {
  return std::find_if(columns.begin(), columns.end(), [&](const auto& one) { return one.first == name; });
}

void Follow(const AlterTable& alter, const TableSchema& from, Origins& columns,
            std::map<std::string, Column>& added) {
  for (std::size_t i = 0; i < from.columns.size(); ++i) columns.emplace_back(from.columns[i].name, i);
  for (const auto& change : alter.changes) {
    if (const auto* drop = std::get_if<DropColumn>(&change)) {
      const auto found = Named(columns, drop->name);
      Require(found != columns.end() && found->second && from.columns[*found->second].key_position == 0);
      columns.erase(found);
    } else if (const auto* rename = std::get_if<RenameColumn>(&change)) {
      const auto found = Named(columns, rename->from);
      Require(found != columns.end());
      found->first = rename->to;
    } else if (const auto* retype = std::get_if<RetypeColumn>(&change)) {
      const auto found = Named(columns, retype->to.name);
      Require(found != columns.end() && found->second &&
              from.columns[*found->second].name == retype->from.name);
    } else {
      const Column& column = std::get<AddColumn>(change).column;
      columns.emplace_back(column.name, std::nullopt);
      added[column.name] = column;
    }
  }
}

void TryInPlace(const TableSchema& from, const TableSchema& to, const AlterTable& alter) {
  static auto* const kMirror = new MirrorDatabase;
  kMirror->Begin();
  Require(RunCreateTable(kMirror->connection(), CreateTable{from}).ok());
  std::vector<std::uint32_t> every;
  std::vector<Stored> values;
  std::string places;
  for (std::uint32_t i = 0; i < from.columns.size(); ++i) {
    every.push_back(i);
    values.push_back(StoredForm(from.columns[i], ValueOf(from.columns[i], 1 + i % 3)));
    absl::StrAppend(&places, i == 0 ? "?" : ", ?", i + 1);
  }
  FirstRow(kMirror->handle(),
           absl::StrCat("INSERT INTO t (", NameList(from, every), ") VALUES (", places, ")"), values);
  // As they stand there: an affinity may have changed them.
  const std::vector<Stored> stored =
      FirstRow(kMirror->handle(), absl::StrCat("SELECT ", NameList(from, every), " FROM t"));

  const absl::Status altered = RunAlterTable(kMirror->connection(), "t", Position{}, alter);
  if (!altered.ok()) std::fprintf(stderr, "%s\n", altered.ToString().c_str());
  Require(altered.ok());
  Origins columns;
  std::map<std::string, Column> added;
  Follow(alter, from, columns, added);
  Require(columns.size() == to.columns.size());
  for (const Column& column : to.columns) {
    const auto found = Named(columns, column.name);
    Require(found != columns.end());
    const auto row = FirstRow(kMirror->handle(), absl::StrCat("SELECT ", QuoteName(column.name), " FROM t"));
    Require(row.size() == 1);
    if (found->second) {
      Require(row[0] == stored[*found->second]);
    } else if (column.backfill == Backfill::kDefault) {
      Require(row[0] != Stored(Null{}) || *column.default_value == Literal(Null{}));
    } else {
      Require(row[0] == Stored(Null{}));
    }
  }
  const auto names = FirstRow(kMirror->handle(), "SELECT count(*) FROM pragma_table_info('t')");
  Require(names[0] == Stored(static_cast<std::int64_t>(to.columns.size())));
  kMirror->TakeBack();
}

void TryTables(Input& input, const TableSchema& from, const TableSchema& to) {
  const std::string hash = SchemaHash(to);
  const TablePlan created = PlanTable(std::nullopt, std::nullopt, {}, to, hash);
  Require(created.action == SchemaAction::kCreated && created.step.has_value());
  Require(ActionsOf<CreateTable>(*created.step).size() == 1 && ActionsOf<AlterTable>(*created.step).empty());
  Require(created.step->record->position == Position{});
  TrySteadiness(created, to, to);

  TableRecord record;
  record.table = from.name;
  record.schema_hash = SchemaHash(from);
  record.position = {Lsn{5}, "l"};
  record.state = static_cast<TableState>(input.Choose(4));
  std::vector<std::string> lost;
  if (input.Flag()) lost.push_back(ReadName(input));
  const bool equal = hash == record.schema_hash;
  const TablePlan plan = PlanTable(record, from, lost, to, hash);
  Require(plan.action == SchemaAction::kUnchanged || plan.action == SchemaAction::kAltered ||
          plan.action == SchemaAction::kRepopulate);
  Require((plan.action == SchemaAction::kRepopulate) == !plan.reason.empty());
  if (equal && record.state != TableState::kRepopulate) Require(plan.action == SchemaAction::kUnchanged);
  if (equal && record.state == TableState::kMirrored) Require(!plan.step.has_value());
  if (!plan.step) return;
  Require(plan.step->expected == record && plan.step->table == to.name);
  Require(ActionsOf<CreateTable>(*plan.step).empty() && ActionsOf<DropTable>(*plan.step).empty() &&
          ActionsOf<RetireTable>(*plan.step).empty());
  // The position of rows that are not what they were is not kept.
  if (plan.action == SchemaAction::kRepopulate || record.state != TableState::kMirrored) {
    Require(plan.step->record->position == Position{});
  } else {
    Require(plan.step->record->position == record.position);
  }
  TrySteadiness(plan, from, to);
  if (plan.action != SchemaAction::kAltered) return;
  const auto alters = ActionsOf<AlterTable>(*plan.step);
  Require(alters.size() <= 1);
  TryInPlace(from, to, alters.empty() ? AlterTable{} : *alters[0]);
}

}  // namespace
}  // namespace mirror

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mirror::Input input(data, size);
  const bool related = input.Choose(4) != 0;
  const mirror::TableSchema from = mirror::ReadTable(input);
  mirror::TableSchema to = related ? from : mirror::ReadTable(input);
  for (std::uint32_t left = input.Choose(mirror::kEditsMax); left > 0; --left) mirror::Edit(input, to);
  if (mirror::CheckTable(from).ok() && mirror::CheckTable(to).ok()) mirror::TryTables(input, from, to);
  return 0;
}
