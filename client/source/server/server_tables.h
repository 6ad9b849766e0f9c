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

/// Findings in a table's values, and which of them were reported. Stored as SourceTable.record, in the form
/// of the kind of server. `Id`: identifies a column of the table. `TypeMark`: identifies a type.
template <typename Id, typename TypeMark>
struct ServerRecord {
  struct Found {
    TypeMark type = {};  ///< The type when it was found; for another type the finding is void.
    bool wide = false;   ///< A value does not fit the type.
    bool null = false;   ///< A row has NULL, though the catalogs declare NOT NULL.
    friend bool operator==(const Found&, const Found&) = default;
  };
  std::map<Id, Found> columns;
  std::string told;  ///< A digest of what was reported; empty: nothing.
};

/// A column, with its identity in the record and its name for people.
template <typename Id, typename TypeMark>
struct MarkedColumn {
  Id id = {};
  TypeMark type = {};
  std::string type_name;  ///< For people.
};

/// Makes these columns the table's key. Returns the problem with them, for people; empty: none.
/// `may_be_null`: columns of a key may hold NULL.
std::string SetGivenKey(const std::vector<std::string>& names, bool may_be_null, TableSchema* schema);
/// Returns the problem with the steps, for people; empty: none. `for_steps`: the table as `where` sees it.
std::string WhyNoSteps(const TableSchema& schema, const TableSchema& for_steps, const TableSteps& steps);
/// Returns the steps of a table that change values or rows; null: there are none.
const TableSteps* StepsOfTable(const std::vector<TableSteps>& steps, const std::string& table);
/// Adds to `notes` the messages of `now` that were not reported yet. `told`: a digest of the reported ones.
void TellOnce(const std::vector<std::string>& now, std::string* told, std::vector<std::string>* notes);
/// Whether a column of the key may be NULL.
bool IsKeyNullable(const TableSchema& schema);
/// Removes the key from the schema.
void DropKey(TableSchema* schema);

/// The tables of the last look at a server's database, and the findings in their values. `Kind` holds
/// what differs between kinds of servers, all of it static:
///   Known, Place, Record       a KnownServerTable, the server's description of its database, a ServerRecord
///   kComputer                  the name, for people, of the program that computes generated columns
///   kWideValues, kWideNote     texts for people that name values which may not fit a column's type: as an
///                              example in brackets, and as the end of a note; empty: none are named
///   kKeyMayLackValues          Table::drops_null_key says that columns of a key may be NULL
///   Parse(text)                parses a record; ToString() writes it
///   Mark(column)               a MarkedColumn
///   WireOf(column, place, wide)  the announcement; `wide`: after a value did not fit
///   KeyOf(table)               places of the primary key's columns; none: it has none that can be sent
///   GeneratedOf(table)         columns that are not sent because they are computed
///   IdOf(table)                TableSchema::table_id
///   IdentityOf(table, record)  SourceTable::identity
///   ProblemOf(table, place, problem)  why the table cannot be read, for people; `problem`: of its schema
///   NotesOf(table)             messages for people about the table
/// Threads: one.
template <typename Kind>
class ServerTables {
 public:
  using Known = typename Kind::Known;
  using Table = typename Known::Table;
  using Place = typename Kind::Place;
  using Record = typename Kind::Record;

  /// `records`: SourceTable.record of earlier runs, by table name. `keys`: by folded name, for tables without
  /// a declared primary key. `steps`: the source's reader applies their `where`, `hash` and `mask`.
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

  /// Returns the announcement of a table. Adds each message for people to `notes` once.
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

  /// Records that values of these columns do not match their announcement.
  void Keep(const Known& known, const std::vector<Misfit>& misfits) {
    Record& record = records_[known.table.name];
    for (const Misfit& misfit : misfits) {
      const auto column = Kind::Mark(known.table.columns[misfit.column]);
      auto& found = record.columns[column.id];
      if (found.type != column.type) found = {column.type};
      (misfit.is_null ? found.null : found.wide) = true;
    }
  }

  /// Drops the findings in a table's values and what was reported, so that values that are gone do not count.
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
    // Drops findings of columns that are gone or have another type now.
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

  /// Sets the primary key, or that of the configuration. Returns the problem with it.
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
             " of a mirror cannot hold", Kind::kWideNote, ": it is mirrored as the source writes it");
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

  std::map<std::string, Record> records_;  ///< By table name.
  const std::map<std::string, std::vector<std::string>> keys_;
  const std::vector<TableSteps> steps_;
  std::map<std::string, std::shared_ptr<const Known>> known_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_SERVER_TABLES_H_
