#include "client/source/mariadb/mariadb_tables.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/digest.h"
#include "base/folded_name.h"
#include "client/source/mariadb/mariadb_words.h"
#include "client/source/steps/row_steps.h"
#include "client/source/widening.h"

namespace mirror {
namespace {

/// What is wrong with the steps, for people.
std::string WhyNotSteps(const TableSchema& schema, const TableSteps& steps) {
  if (const absl::Status checked = CheckSteps(schema, steps); !checked.ok())
    return std::string(checked.message());
  if (steps.where.empty()) return "";
  return std::string(RowSteps::MakeFilter(schema, steps).status().message());
}

/// Sets what SourceTable says of values that do not fit the types of `table`.
void DescribeWidening(const MariadbTable& table, const MariadbRecord& record, SourceTable* source) {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const MariadbColumn& column = table.columns[i];
    const auto found = record.columns.find(column.name);
    if (found == record.columns.end()) continue;
    NoteWidening(i, {found->second.wide, found->second.null}, column.type, "as 0000-00-00", source);
  }
}

}  // namespace

MariadbSourceTables::MariadbSourceTables(const std::map<std::string, std::string>& records,
                                         std::map<std::string, std::vector<std::string>> keys,
                                         std::vector<TableSteps> steps)
    : keys_(std::move(keys)), steps_(std::move(steps)) {
  for (const auto& [name, record] : records) records_[name] = ParseMariadbRecord(record);
}

std::shared_ptr<const KnownMariadbTable> MariadbSourceTables::Find(const std::string& name) const {
  const auto found = known_.find(name);
  return found == known_.end() ? nullptr : found->second;
}

SourceTable MariadbSourceTables::Announce(MariadbTable table, const MariadbSource& place,
                                          std::vector<std::string>* notes) {
  SourceTable source;
  source.schema = SchemaOf(table, &source.problem);
  source.identity = static_cast<std::uint64_t>(table.created_s);
  if (source.problem.empty()) source.problem = std::string(CheckTable(source.schema).message());
  if (const std::string unreadable = WhyUnreadable(table, place); !unreadable.empty())
    source.problem = unreadable;
  MariadbRecord& record = records_[table.name];
  std::vector<std::string> told = NotesOf(table);
  const std::string digest = told.empty() ? "" : HexDigest(absl::StrJoin(told, "\n")).substr(0, 16);
  if (digest != record.told) notes->insert(notes->end(), told.begin(), told.end());
  record.told = digest;
  source.record = ToString(record);
  DescribeWidening(table, record, &source);
  KnownMariadbTable known{std::move(table), source.schema, source.schema};
  if (const TableSteps* const steps = StepsOf(known.table.name)) {
    known.steps = *steps;
    const std::string wrong = WhyNotSteps(known.schema, *steps);
    if (source.problem.empty()) source.problem = wrong;
    for (std::uint32_t i = 0; wrong.empty() && i < known.given.columns.size(); ++i) {
      if (known.Turns(i)) TurnToText(&known.given.columns[i]);
    }
    source.schema = known.given;
  }
  const std::string name = known.table.name;
  known_[name] = std::make_shared<const KnownMariadbTable>(std::move(known));
  return source;
}

const TableSteps* MariadbSourceTables::StepsOf(const std::string& table) const {
  const auto found = std::find_if(steps_.begin(), steps_.end(),
                                  [&table](const TableSteps& steps) { return SameName(steps.table, table); });
  if (found == steps_.end() || (found->where.empty() && found->hash.empty() && found->mask.empty()))
    return nullptr;
  return &*found;
}

TableSchema MariadbSourceTables::SchemaOf(const MariadbTable& table, std::string* problem) {
  TableSchema schema;
  schema.name = table.name;
  MariadbRecord& record = records_[table.name];
  // Of columns that are gone, or of another type now.
  std::erase_if(record.columns, [&table](const auto& one) {
    const std::optional<std::size_t> place = table.PlaceOf(one.first);
    return !place || MariadbTypeMark(table.columns[*place]) != one.second.type;
  });
  for (const MariadbColumn& column : table.columns) {
    Column& wire = schema.columns.emplace_back(WireColumn(column));
    const auto found = record.columns.find(column.name);
    if (found == record.columns.end()) continue;
    if (found->second.wide) WidenMariadbColumn(&wire);
    if (found->second.null) wire.nullable = true;
  }
  *problem = SetKey(table, &schema);
  return schema;
}

/// The primary key, or that of the configuration. Gives what is wrong with it.
std::string MariadbSourceTables::SetKey(const MariadbTable& table, TableSchema* schema) const {
  std::uint32_t position = 0;
  if (!table.key.empty()) {
    for (const std::string& column : table.key)
      schema->columns[*table.PlaceOf(column)].key_position = ++position;
    return "";
  }
  const auto given = keys_.find(FoldName(table.name));
  if (given == keys_.end()) return "";
  for (const std::string& name : given->second) {
    const std::optional<std::uint32_t> column = schema->Find(name);
    if (!column) {
      return absl::StrCat("its 'key' names the column '", name,
                          "', which the table does not have: correct the configuration");
    }
    if (schema->columns[*column].nullable) {
      return absl::StrCat("its 'key' names the column '", name,
                          "', which may be NULL: make it NOT NULL in the source, or name another key");
    }
    schema->columns[*column].key_position = ++position;
  }
  return "";
}

std::vector<std::string> MariadbSourceTables::NotesOf(const MariadbTable& table) const {
  std::vector<std::string> notes;
  const auto note = [&](const auto&... words) {
    notes.push_back(absl::StrCat("table '", table.name, "': ", words...));
  };
  if (!table.generated.empty())
    note("columns that MariaDB computes are not mirrored: ", ListNames(table.generated));
  if (table.versioned) note("it is system-versioned; its present rows are mirrored");
  if (!table.engine.empty() && !table.HasSnapshots()) {
    note("its engine ", table.engine,
         " has no snapshots: who writes waits while it is read, and it is left for the next run where that "
         "takes long. ALTER TABLE … ENGINE = InnoDB ends both");
  }
  const auto record = records_.find(table.name);
  if (record == records_.end()) return notes;
  for (const auto& [name, found] : record->second.columns) {
    if (!found.wide) continue;
    note("column '", name, "' holds values that the type ", table.columns[*table.PlaceOf(name)].type,
         " of a mirror has no place for (as 0000-00-00): it is mirrored as it is written");
  }
  return notes;
}

void MariadbSourceTables::Keep(const KnownMariadbTable& known, const std::vector<Misfit>& misfits) {
  MariadbRecord& record = records_[known.table.name];
  for (const Misfit& misfit : misfits) {
    const MariadbColumn& column = known.table.columns[misfit.column];
    MariadbRecord::Found& found = record.columns[column.name];
    const std::string type = MariadbTypeMark(column);
    if (found.type != type) found = {type};
    (misfit.is_null ? found.null : found.wide) = true;
  }
}

}  // namespace mirror
