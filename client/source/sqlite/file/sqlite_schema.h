#ifndef MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_SCHEMA_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_SCHEMA_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "proto/wire/source_objects.h"
#include "proto/wire/table.h"

// Functions that read a table's definition by PRAGMAs.

namespace mirror {

/// One term of the order in which a table is read, as SQL.
struct OrderTerm {
  std::string expression;
  bool descending = false;
  int column = -1;  ///< Index in TableSchema.columns; -1: the rowid.
};

/// A table of the database, and the ways to read its rows.
struct SourcePlan {
  /// Has the declared types; the reader must check whether the values fit. The key is the PRIMARY KEY, which
  /// may hold NULL if `key_may_be_null`.
  TableSchema schema;
  std::vector<bool> generated, has_default;  ///< For each column.
  bool key_may_be_null = false;
  bool view = false;
  std::string rowid;  ///< A name of the rowid in SQL; empty: there is none, or its names are taken.
  /// Order by rowid, or by the key of a table without one: every row comes once. Empty: the table must be
  /// read at once.
  std::vector<OrderTerm> steady_order;
  /// Order by key, if an index has that order with BINARY comparison. It leaves out rows with NULL in the
  /// key.
  std::vector<OrderTerm> key_order;

  // Members that the configuration sets, see ApplySteps.
  std::string
      filter;  ///< A condition in parentheses: only rows for which it is true are seen. Empty: all are.
  std::vector<std::uint32_t>
      filter_columns;               ///< Only changes of these columns change the result of `filter`.
  bool filter_by_any = false;       ///< A change of any column may change its result.
  std::vector<std::string> values;  ///< SQL of each column; empty, or an empty entry: the stored value.
  std::vector<bool> unsent;         ///< For each column; empty: all are sent.

  bool IsTurned(std::uint32_t column) const { return !values.empty() && !values[column].empty(); }
  /// Returns SQL for a column's value.
  std::string ValueOf(std::uint32_t column) const;
  /// Returns " FROM main.t WHERE ...": the rows for which the filter, and `condition` unless empty, are true.
  std::string FromWhere(const std::string& condition = "") const;
};

/// Lists the ordinary tables of a database. Left out are views, virtual tables with their shadow tables,
/// tables of SQLite (sqlite_...) and tables of the agent (_mirror_...).
absl::StatusOr<std::vector<std::string>> ListTables(const SqliteFile& file);
absl::StatusOr<std::vector<std::string>> ListViews(const SqliteFile& file);

/// `key`: columns that identify rows, for a view or a table that declares no key.
/// Errors: the table cannot be read; kInvalidArgument: the key does not fit it.
absl::StatusOr<SourcePlan> PlanSource(const SqliteFile& file, const std::string& table,
                                      const std::vector<std::string>& key = {});

/// Returns the value of a default's SQL text. Absent: it is no plain constant that `column` can hold.
std::optional<Literal> ParseDefault(std::string_view sql, const Column& column);

/// Returns SQLite's affinity of a declared type.
Affinity AffinityOf(std::string_view declared_type);

/// Reads the indexes and foreign keys of a table, in a look; a view has none. If they cannot be described as
/// columns of the table, they are given by name, or only counted if the name cannot be sent. Errors: the
/// source cannot be read.
absl::StatusOr<SourceObjects> ReadObjects(const SqliteFile& file, const SourcePlan& plan);

/// The part of the schema that must not change while a table is read in several looks. It has the table's own
/// definition, its indexes and triggers, and that its log comes after it in sqlite_schema. Other objects may
/// change.
using TableDefinition = std::string;

/// Reads the definitions of all tables and views, by folded name. One pass reads all, since sqlite_schema has
/// no index. `log_of`: returns the name of a table's log by the table's folded name; empty: it has none.
absl::StatusOr<std::map<std::string, TableDefinition>> ReadDefinitions(
    const SqliteFile& file, const std::function<std::string(const std::string&)>& log_of);

/// Checks whether a table still matches its announcement. Threads: one.
class DefinitionWatch {
 public:
  /// `version`: PRAGMA schema_version when `definition` was read, or earlier. `log`: name of the table's log;
  /// empty: none. `hidden_order`: the table is read in the order of a rowid that is no column. VACUUM changes
  /// such a rowid, so between the looks the schema must not change at all.
  DefinitionWatch(std::string table, std::string log, TableDefinition definition, std::int64_t version,
                  bool hidden_order = false);

  /// Called in a look. kAborted: the table was redefined.
  absl::Status Check(const SqliteFile& file);

 private:
  std::string table_, log_;
  TableDefinition definition_;
  std::int64_t version_;
  bool hidden_order_, looked_ = false;
};

/// Runs `sql` with `table` as its only parameter, or without one if `table` is empty, and calls `row` for
/// each row.
template <typename Row>
absl::Status ForEachRow(const SqliteFile& file, const std::string& sql, const std::string& table,
                        const Row& row) {
  ASSIGN_OR_RETURN(sqlite::Statement statement, file.Prepare(sql));
  statement.SetDoing(table.empty() ? "reading its schema" : absl::StrCat("reading table '", table, "'"));
  if (!table.empty()) statement.Bind(1, table);
  return ForEachRow(statement, [&] { row(statement); });
}

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_SCHEMA_H_
