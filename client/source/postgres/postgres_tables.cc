#include "client/source/postgres/postgres_tables.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/digest.h"
#include "base/folded_name.h"
#include "client/source/postgres/postgres_words.h"
#include "client/source/steps/row_steps.h"
#include "client/source/widening.h"

namespace mirror {
namespace {

/// Of the column with this number among those that are sent.
std::optional<std::size_t> PlaceOf(const PostgresTable& table, std::int64_t number) {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].number == number) return i;
  }
  return std::nullopt;
}

/// What is wrong with the steps, for people.
std::string WhyNot(const PostgresTable& table, const TableSchema& schema, const TableSteps& steps) {
  if (const absl::Status checked = CheckSteps(schema, steps); !checked.ok())
    return std::string(checked.message());
  if (steps.where.empty()) return "";
  return std::string(RowSteps::MakeFilter(StepsSchema(table, schema), steps).status().message());
}

constexpr char kWithoutPlace[] = "as infinity, NaN, a date before the year 1, 24:00:00";

/// Sets what SourceTable says of values that do not fit the types of `table`.
void DescribeWidening(const PostgresTable& table, const PostgresRecord& record, SourceTable* source) {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const PostgresColumn& column = table.columns[i];
    const auto found = record.columns.find(column.number);
    if (found == record.columns.end()) continue;
    NoteWidening(i, {found->second.wide, found->second.null}, column.type_name, kWithoutPlace, source);
  }
}

/// Its key may be PostgreSQL's own to compute: then it has none that could be sent.
bool HasGeneratedKey(const PostgresTable& table) {
  return std::any_of(table.key.begin(), table.key.end(),
                     [&table](std::int64_t number) { return !PlaceOf(table, number); });
}

}  // namespace

PostgresSourceTables::PostgresSourceTables(std::map<std::string, std::string> records,
                                           std::map<std::string, std::vector<std::string>> keys,
                                           std::vector<TableSteps> steps)
    : keys_(std::move(keys)), steps_(std::move(steps)) {
  for (const auto& [name, record] : records) records_[name] = ParsePostgresRecord(record);
}

void PostgresSourceTables::Forget(const std::string& name) {
  const auto found = records_.find(name);
  if (found == records_.end()) return;
  // What went is not to be found again.
  found->second.columns.clear();
  found->second.told.clear();
}

std::shared_ptr<const KnownPostgresTable> PostgresSourceTables::Find(const std::string& name) const {
  const auto found = known_.find(name);
  return found == known_.end() ? nullptr : found->second;
}

SourceTable PostgresSourceTables::Announce(PostgresTable table, const PostgresSource& place,
                                           std::vector<std::string>* notes) {
  SourceTable source;
  source.schema = SchemaOf(table, place, &source.problem);
  if (source.problem.empty()) source.problem = std::string(CheckTable(source.schema).message());
  if (source.problem.empty()) source.problem = WhyUnreadable(table, place.role);
  PostgresRecord& record = records_[table.name];
  std::vector<std::string> told = NotesOf(table, source.schema);
  const std::string digest = told.empty() ? "" : HexDigest(absl::StrJoin(told, "\n")).substr(0, 16);
  if (digest != record.told) notes->insert(notes->end(), told.begin(), told.end());
  record.told = digest;
  std::set<std::uint32_t> leaves;
  for (const PostgresLeaf& leaf : table.leaves) leaves.insert(leaf.oid);
  record.TakeLeaves(std::move(leaves));
  source.identity = record.gone == 0 ? table.oid : ShortDigest(absl::StrCat(table.oid), record.gone);
  source.record = ToString(record);
  DescribeWidening(table, record, &source);
  KnownPostgresTable known{{std::move(table), source.schema, source.schema}};
  if (const TableSteps* const steps = StepsOf(known.table.name)) {
    known.steps = *steps;
    const std::string wrong = WhyNot(known.table, known.schema, *steps);
    if (source.problem.empty()) source.problem = wrong;
    for (std::uint32_t i = 0; wrong.empty() && i < known.given.columns.size(); ++i) {
      if (known.Turns(i)) TurnToText(&known.given.columns[i]);
    }
    source.schema = known.given;
  }
  const std::string name = known.table.name;
  known_[name] = std::make_shared<const KnownPostgresTable>(std::move(known));
  return source;
}

const TableSteps* PostgresSourceTables::StepsOf(const std::string& table) const {
  const auto found = std::find_if(steps_.begin(), steps_.end(),
                                  [&table](const TableSteps& steps) { return SameName(steps.table, table); });
  if (found == steps_.end() || (found->where.empty() && found->hash.empty() && found->mask.empty()))
    return nullptr;
  return &*found;
}

TableSchema PostgresSourceTables::SchemaOf(const PostgresTable& table, const PostgresSource& place,
                                           std::string* problem) {
  TableSchema schema;
  schema.name = table.name;
  schema.table_id = table.oid;
  PostgresRecord& record = records_[table.name];
  // Of columns that are gone, or of another type now.
  std::erase_if(record.columns, [&table](const auto& one) {
    const std::optional<std::size_t> place_of = PlaceOf(table, one.first);
    return !place_of || table.columns[*place_of].type != one.second.type;
  });
  for (const PostgresColumn& column : table.columns) {
    Column& wire = schema.columns.emplace_back(WireColumn(column, place.any_bytes));
    const auto found = record.columns.find(column.number);
    if (found == record.columns.end()) continue;
    if (found->second.wide) WidenPostgresColumn(&wire);
    if (found->second.null) wire.nullable = true;
  }
  *problem = SetKey(table, &schema);
  return schema;
}

/// The primary key, or that of the configuration. Gives what is wrong with it.
std::string PostgresSourceTables::SetKey(const PostgresTable& table, TableSchema* schema) const {
  std::uint32_t position = 0;
  if (!table.key.empty() && !HasGeneratedKey(table)) {
    for (const std::int64_t number : table.key)
      schema->columns[*PlaceOf(table, number)].key_position = ++position;
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

std::vector<std::string> PostgresSourceTables::NotesOf(const PostgresTable& table,
                                                       const TableSchema& schema) const {
  std::vector<std::string> notes;
  const auto note = [&](const auto&... words) {
    notes.push_back(absl::StrCat("table '", table.name, "': ", words...));
  };
  if (!table.generated.empty()) {
    note("columns that PostgreSQL computes are not mirrored: ", ListNames(table.generated));
  }
  if (HasGeneratedKey(table)) {
    note("a column of its primary key is computed, so that it is mirrored without a key");
  } else if (table.key_waits) {
    note(
        "its primary key is deferrable: no change log can be read by it, what changed is found by comparing");
  }
  if (table.has_children) note("tables inherit from it; its own rows are mirrored, and theirs as theirs");
  if (table.unlogged) note("it is unlogged: a crash of the server empties it, and then its mirror");
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const auto record = records_.find(table.name);
    if (record == records_.end()) break;
    const auto found = record->second.columns.find(table.columns[i].number);
    if (found == record->second.columns.end() || !found->second.wide) continue;
    note("column '", schema.columns[i].name, "' holds values that the type ", table.columns[i].type_name,
         " of a mirror has no place for (", kWithoutPlace, "): it is mirrored as it is written");
  }
  return notes;
}

void PostgresSourceTables::Keep(const KnownPostgresTable& known, const std::vector<Misfit>& misfits) {
  PostgresRecord& record = records_[known.table.name];
  for (const Misfit& misfit : misfits) {
    const PostgresColumn& column = known.table.columns[misfit.column];
    PostgresRecord::Found& found = record.columns[column.number];
    if (found.type != column.type) found = {column.type};
    (misfit.is_null ? found.null : found.wide) = true;
  }
}

}  // namespace mirror
