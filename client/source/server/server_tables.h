#ifndef MIRROR_CLIENT_SOURCE_SERVER_SERVER_TABLES_H_
#define MIRROR_CLIENT_SOURCE_SERVER_SERVER_TABLES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "client/source/reader.h"
#include "client/source/server/server_look.h"
#include "client/source/steps/table_steps.h"
#include "client/source/widening.h"
#include "proto/wire/table.h"

namespace mirror {

/// What was found in a table's values, and what of it people were told: kept as SourceTable.record, in the
/// form of the kind of server. `Id`: tells the table's columns apart. `TypeMark`: tells types apart.
template <typename Id, typename TypeMark>
struct ServerRecord {
  struct Found {
    TypeMark type = {};  ///< When it was found: that of another type says nothing.
    bool wide = false;   ///< A value does not fit the type.
    bool null = false;   ///< A row has no value, though the catalogs say that each has one.
    friend bool operator==(const Found&, const Found&) = default;
  };
  std::map<Id, Found> columns;
  std::string told;  ///< A digest; empty: nothing.
};

/// A column, as the record and people know it.
template <typename Id, typename TypeMark>
struct MarkedColumn {
  Id id = {};
  TypeMark type = {};
  std::string type_name;  ///< For people.
};

/// Makes these columns the table's key, or gives what is wrong with them, for people. `may_be_null`: columns
/// of a key may lack a value.
std::string SetGivenKey(const std::vector<std::string>& names, bool may_be_null, TableSchema* schema);
/// What is wrong with the steps, for people; empty: nothing. `for_steps`: the table as its `where` has it.
std::string WhyNoSteps(const TableSchema& schema, const TableSchema& for_steps, const TableSteps& steps);
/// The steps of a table that values or rows depend on; null: none.
const TableSteps* StepsOfTable(const std::vector<TableSteps>& steps, const std::string& table);
/// Adds to `notes` what of a table was not told yet. `told`: a digest of what was.
void TellOnce(const std::vector<std::string>& now, std::string* told, std::vector<std::string>* notes);
/// A column of a key may lack a value.
bool IsKeyNullable(const TableSchema& schema);
/// The table has no key then.
void DropKey(TableSchema* schema);

/// The tables of the last look at a server's database, and what was found in their values. What differs
/// between kinds of servers is `Kind`, all of it static:
///   Known, Place, Record       a KnownServerTable, what the server says of its database, a ServerRecord
///   kComputer                  who computes generated columns, for people
///   kWideValues, kWideNote     which values a column's type may have no place for, for people: behind "as",
///   and
///                              as a note has it; empty: it says nothing of them
///   kKeyMayLackValues          Table::drops_null_key says that columns of a key may be NULL
///   Parse(text)                a record; ToString() writes it
///   Mark(column)               a MarkedColumn
///   WireOf(column, place, wide)  as it is announced; `wide`: once a value does not fit
///   KeyOf(table)               places of the primary key's columns; none: it has none that can be sent
///   GeneratedOf(table)         columns that are not sent since they are computed
///   IdOf(table)                TableSchema::table_id
///   IdentityOf(table, record)  SourceTable::identity
///   ProblemOf(table, place, problem)  why it cannot be read, `problem` being what its schema has, for people
///   NotesOf(table)             what people should know of it
/// Threads: one.
template <typename Kind>
class ServerTables {
 public:
  using Known = typename Kind::Known;
  using Table = typename Known::Table;
  using Place = typename Kind::Place;
  using Record = typename Kind::Record;

  /// `records`: SourceTable.record of earlier runs, by table name. `keys`: by folded name, of tables that
  /// declare no primary key. `steps`: their `where`, `hash` and `mask` are done by the source's reader.
  ServerTables(const std::map<std::string, std::string>& records,
               std::map<std::string, std::vector<std::string>> keys, std::vector<TableSteps> steps)
      : keys_(std::move(keys)), steps_(std::move(steps)) {
    for (const auto& [name, record] : records) records_[name] = Kind::Parse(record);
  }

  void Clear() { known_.clear(); }
  /// Null: there is none.
  std::shared_ptr<const Known> Find(const std::string& name) const {
    const auto found = known_.find(name);
    return found == known_.end() ? nullptr : found->second;
  }

  /// As it is announced. What people should know of it is told once.
  SourceTable Announce(Table table, const Place& place, std::vector<std::string>* notes) {
    Record& record = records_[table.name];
    SourceTable source;
    source.schema = SchemaOf(table, place, &record, &source.problem);
    if (source.problem.empty()) source.problem = std::string(CheckTable(source.schema).message());
    source.problem = Kind::ProblemOf(table, place, source.problem);
    TellOnce(NotesOf(table, source.schema, record), &record.told, notes);
    source.identity = Kind::IdentityOf(table, &record);
    source.record = ToString(record);
    for (std::size_t i = 0; !record.columns.empty() && i < table.columns.size(); ++i) {
      const auto column = Kind::Mark(table.columns[i]);
      const auto found = record.columns.find(column.id);
      if (found == record.columns.end()) continue;
      NoteWidening(i, {found->second.wide, found->second.null}, column.type_name, Kind::kWideValues, &source);
    }
    auto known = std::make_shared<Known>();
    known->table = std::move(table);
    known->schema = known->given = source.schema;
    TakeSteps(known.get(), &source);
    known_[known->table.name] = known;
    return source;
  }

  /// Values of these columns are not as they were announced.
  void Keep(const Known& known, const std::vector<Misfit>& misfits) {
    Record& record = records_[known.table.name];
    for (const Misfit& misfit : misfits) {
      const auto column = Kind::Mark(known.table.columns[misfit.column]);
      auto& found = record.columns[column.id];
      if (found.type != column.type) found = {column.type};
      (misfit.is_null ? found.null : found.wide) = true;
    }
  }

  /// What was found in its values, and told of it. What went is not to be found again.
  void Forget(const std::string& name) {
    const auto found = records_.find(name);
    if (found == records_.end()) return;
    found->second.columns.clear();
    found->second.told.clear();
  }

 private:
  TableSchema SchemaOf(const Table& table, const Place& place, Record* record, std::string* problem) const {
    TableSchema schema;
    schema.name = table.name;
    schema.table_id = Kind::IdOf(table);
    // Of columns that are gone, or of another type now.
    std::erase_if(record->columns, [&table](const auto& one) {
      return std::none_of(table.columns.begin(), table.columns.end(), [&one](const auto& column) {
        const auto mark = Kind::Mark(column);
        return mark.id == one.first && mark.type == one.second.type;
      });
    });
    std::vector<std::size_t> nulls;
    for (const auto& column : table.columns) {
      const auto end = record->columns.end();
      const auto found = record->columns.empty() ? end : record->columns.find(Kind::Mark(column).id);
      const bool is_found = found != end;
      if (is_found && found->second.null) nulls.push_back(schema.columns.size());
      schema.columns.push_back(Kind::WireOf(column, place, is_found && found->second.wide));
    }
    const auto take_nulls = [&] {
      for (const std::size_t i : nulls) schema.columns[i].nullable = true;
    };
    if constexpr (Kind::kKeyMayLackValues) {
      *problem = SetKey(table, table.drops_null_key, &schema);
      take_nulls();
      if (table.drops_null_key && IsKeyNullable(schema)) DropKey(&schema);
    } else {
      take_nulls();
      *problem = SetKey(table, /*may_be_null=*/false, &schema);
    }
    return schema;
  }

  /// The primary key, or that of the configuration. Gives what is wrong with it.
  std::string SetKey(const Table& table, bool may_be_null, TableSchema* schema) const {
    std::uint32_t position = 0;
    for (const std::uint32_t column : Kind::KeyOf(table)) {
      schema->columns[column].key_position = ++position;
      if (Kind::kKeyMayLackValues) schema->columns[column].nullable = false;
    }
    const auto given = keys_.find(FoldName(table.name));
    if (given == keys_.end()) return "";
    if (position == 0) return SetGivenKey(given->second, may_be_null, schema);
    return Kind::kKeyMayLackValues
               ? absl::StrCat("it has a PRIMARY KEY of its own: leave 'key' out of the [[source.table]] of '",
                              table.name, "'")
               : "";
  }

  static std::vector<std::string> NotesOf(const Table& table, const TableSchema& schema,
                                          const Record& record) {
    std::vector<std::string> notes;
    const auto note = [&](const auto&... words) {
      notes.push_back(absl::StrCat("table '", table.name, "': ", words...));
    };
    if (const std::vector<std::string>& generated = Kind::GeneratedOf(table); !generated.empty())
      note("columns that ", Kind::kComputer, " computes are not mirrored: ", ListNames(generated));
    for (const std::string& words : Kind::NotesOf(table)) note(words);
    for (const auto& [id, found] : record.columns) {
      if (!found.wide) continue;
      for (std::size_t i = 0; i < table.columns.size(); ++i) {
        const auto mark = Kind::Mark(table.columns[i]);
        if (mark.id != id) continue;
        note("column '", schema.columns[i].name, "' holds values that the type ", mark.type_name,
             " of a mirror has no place for", Kind::kWideNote, ": it is mirrored as it is written");
      }
    }
    return notes;
  }

  void TakeSteps(Known* known, SourceTable* source) const {
    const TableSteps* const steps = StepsOfTable(steps_, known->table.name);
    if (steps == nullptr) return;
    known->steps = *steps;
    const std::string wrong = WhyNoSteps(known->schema, known->ForSteps(), *steps);
    if (source->problem.empty()) source->problem = wrong;
    for (std::uint32_t i = 0; wrong.empty() && i < known->given.columns.size(); ++i) {
      if (known->Turns(i)) TurnToText(&known->given.columns[i]);
    }
    source->schema = known->given;
  }

  std::map<std::string, Record> records_;  ///< By name.
  const std::map<std::string, std::vector<std::string>> keys_;
  const std::vector<TableSteps> steps_;
  std::map<std::string, std::shared_ptr<const Known>> known_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_SERVER_TABLES_H_
