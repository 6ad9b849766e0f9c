#include "client/source/odbc/odbc_tables.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/digest.h"
#include "base/folded_name.h"
#include "client/source/steps/row_steps.h"
#include "client/source/widening.h"

namespace mirror {
namespace {

/// What is wrong with the steps, for people.
std::string WhyNoOdbcSteps(const TableSchema& schema, const TableSteps& steps) {
  if (const absl::Status checked = CheckSteps(schema, steps); !checked.ok())
    return std::string(checked.message());
  if (steps.where.empty()) return "";
  return std::string(RowSteps::MakeFilter(schema, steps).status().message());
}

void WidenOdbcColumn(const OdbcColumn& column, Column* wire) {
  if (wire->type == Type::kAny) return;
  wire->type = Type::kAny;
  wire->affinity = column.wide_affinity;
  wire->length = wire->precision = wire->scale = 0;
}

bool IsOdbcKeyNullable(const TableSchema& schema) {
  return std::any_of(schema.columns.begin(), schema.columns.end(),
                     [](const Column& column) { return column.key_position != 0 && column.nullable; });
}

void DropOdbcKey(TableSchema* schema) {
  for (Column& column : schema->columns) {
    if (std::exchange(column.key_position, 0) != 0) column.nullable = true;
  }
}

/// Sets what SourceTable says of values that do not fit the types of `table`.
void DescribeWidening(const OdbcTable& table, const PostgresRecord& record, SourceTable* source) {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const OdbcColumn& column = table.columns[i];
    const auto found = record.columns.find(column.number);
    if (found == record.columns.end()) continue;
    NoteWidening(i, {found->second.wide, found->second.null}, column.type_name,
                 "as a date that is none, or infinity", source);
  }
}

}  // namespace

OdbcSourceTables::OdbcSourceTables(std::map<std::string, std::string> records,
                                   std::map<std::string, std::vector<std::string>> keys,
                                   std::vector<TableSteps> steps)
    : keys_(std::move(keys)), steps_(std::move(steps)) {
  for (const auto& [name, record] : records) records_[name] = ParsePostgresRecord(record);
}

std::shared_ptr<const KnownOdbcTable> OdbcSourceTables::Find(const std::string& name) const {
  const auto found = known_.find(name);
  return found == known_.end() ? nullptr : found->second;
}

SourceTable OdbcSourceTables::Announce(OdbcTable table, std::vector<std::string>* notes) {
  SourceTable source;
  source.schema = SchemaOf(table, &source.problem);
  source.identity = table.identity;
  if (source.problem.empty()) source.problem = std::string(CheckTable(source.schema).message());
  if (source.problem.empty()) source.problem = table.problem;
  PostgresRecord& record = records_[table.name];
  std::vector<std::string> told = NotesOf(table, source.schema);
  const std::string digest = told.empty() ? "" : HexDigest(absl::StrJoin(told, "\n")).substr(0, 16);
  if (digest != record.told) notes->insert(notes->end(), told.begin(), told.end());
  record.told = digest;
  source.record = ToString(record);
  DescribeWidening(table, record, &source);
  KnownOdbcTable known{{std::move(table), source.schema, source.schema}};
  if (const TableSteps* const steps = StepsOf(known.table.name)) {
    known.steps = *steps;
    const std::string wrong = WhyNoOdbcSteps(known.schema, *steps);
    if (source.problem.empty()) source.problem = wrong;
    for (Column& column : known.given.columns) {
      if (wrong.empty() && steps->TurnOf(column.name).rule != Rule::kPlain) TurnToText(&column);
    }
    source.schema = known.given;
  }
  const std::string name = known.table.name;
  known_[name] = std::make_shared<const KnownOdbcTable>(std::move(known));
  return source;
}

const TableSteps* OdbcSourceTables::StepsOf(const std::string& table) const {
  const auto found = std::find_if(steps_.begin(), steps_.end(),
                                  [&table](const TableSteps& steps) { return SameName(steps.table, table); });
  if (found == steps_.end() || (found->where.empty() && found->hash.empty() && found->mask.empty()))
    return nullptr;
  return &*found;
}

TableSchema OdbcSourceTables::SchemaOf(const OdbcTable& table, std::string* problem) {
  TableSchema schema;
  schema.name = table.name;
  schema.table_id = table.id;
  PostgresRecord& record = records_[table.name];
  // Of columns that are gone, or of another type now.
  std::erase_if(record.columns, [&table](const auto& one) {
    return std::none_of(table.columns.begin(), table.columns.end(), [&one](const OdbcColumn& column) {
      return column.number == one.first && column.type == one.second.type;
    });
  });
  for (const OdbcColumn& column : table.columns) schema.columns.push_back(column.wire);
  *problem = SetKey(table, &schema);
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const auto found = record.columns.find(table.columns[i].number);
    if (found == record.columns.end()) continue;
    if (found->second.wide) WidenOdbcColumn(table.columns[i], &schema.columns[i]);
    if (found->second.null) schema.columns[i].nullable = true;
  }
  if (table.drops_null_key && IsOdbcKeyNullable(schema)) DropOdbcKey(&schema);
  return schema;
}

/// The primary key, or that of the configuration. Gives what is wrong with it.
std::string OdbcSourceTables::SetKey(const OdbcTable& table, TableSchema* schema) const {
  std::uint32_t position = 0;
  for (const std::uint32_t column : table.key) {
    schema->columns[column].key_position = ++position;
    schema->columns[column].nullable = false;
  }
  const auto given = keys_.find(FoldName(table.name));
  if (given == keys_.end()) return "";
  if (!table.key.empty()) {
    return absl::StrCat("it has a PRIMARY KEY of its own: leave 'key' out of the [[source.table]] of '",
                        table.name, "'");
  }
  for (const std::string& name : given->second) {
    const std::optional<std::uint32_t> column = schema->Find(name);
    if (!column) {
      return absl::StrCat("its 'key' names the column '", name,
                          "', which the table does not have: correct the configuration");
    }
    if (schema->columns[*column].nullable && !table.drops_null_key) {
      return absl::StrCat("its 'key' names the column '", name,
                          "', which may be NULL: make it NOT NULL in the source, or name another key");
    }
    schema->columns[*column].key_position = ++position;
    schema->columns[*column].nullable = false;
  }
  return "";
}

std::vector<std::string> OdbcSourceTables::NotesOf(const OdbcTable& table, const TableSchema& schema) const {
  std::vector<std::string> notes;
  const auto note = [&](const auto&... words) {
    notes.push_back(absl::StrCat("table '", table.name, "': ", words...));
  };
  if (!table.left_out.empty())
    note("columns that the database computes are not mirrored: ", ListNames(table.left_out));
  for (const std::string& words : table.notes) note(words);
  const auto record = records_.find(table.name);
  for (std::size_t i = 0; record != records_.end() && i < table.columns.size(); ++i) {
    const auto found = record->second.columns.find(table.columns[i].number);
    if (found == record->second.columns.end() || !found->second.wide) continue;
    note("column '", schema.columns[i].name, "' holds values that the type ", table.columns[i].type_name,
         " of a mirror has no place for: it is mirrored as it is written");
  }
  return notes;
}

void OdbcSourceTables::Keep(const KnownOdbcTable& known, const std::vector<Misfit>& misfits) {
  PostgresRecord& record = records_[known.table.name];
  for (const Misfit& misfit : misfits) {
    const OdbcColumn& column = known.table.columns[misfit.column];
    PostgresRecord::Found& found = record.columns[column.number];
    if (found.type != column.type) found = {column.type};
    (misfit.is_null ? found.null : found.wide) = true;
  }
}

}  // namespace mirror
