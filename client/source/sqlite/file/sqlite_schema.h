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

// What the PRAGMAs say of one table, row by row.

namespace mirror {

/// One term of the order in which a table is read, as SQL.
struct OrderTerm {
  std::string expression;
  bool descending = false;
  int column = -1;  ///< In TableSchema.columns; -1: the rowid.
};

/// A table of the database and how its rows can be reached.
struct SourcePlan {
  /// Typed by what the declarations promise; whether the values keep it is for the reader to find out. The
  /// key is the PRIMARY KEY, which may still hold NULL when `key_may_be_null`.
  TableSchema schema;
  std::vector<bool> generated, has_default;  ///< For each column.
  bool key_may_be_null = false;
  bool view = false;
  std::string rowid;  ///< What the rowid can be called in SQL; empty: there is none, or its names are taken.
  /// By rowid (or the key of a table without one): every row once. Empty: only in one go.
  std::vector<OrderTerm> steady_order;
  /// By key, where an index gives that order with BINARY comparison. Leaves out rows with NULL in the key.
  std::vector<OrderTerm> key_order;

  // What the configuration makes of it, see ApplySteps.
  std::string filter;  ///< In parentheses: rows of which it is true are there. Empty: all.
  std::vector<std::uint32_t> filter_columns;  ///< Only a change of one of them changes what it is.
  bool filter_by_any = false;                 ///< Any change may.
  std::vector<std::string> values;  ///< Of each column as SQL; empty, or an empty one: as it stands.
  std::vector<bool> unsent;         ///< Of each column; empty: all are sent.

  bool IsTurned(std::uint32_t column) const { return !values.empty() && !values[column].empty(); }
  /// A column's value as SQL.
  std::string ValueOf(std::uint32_t column) const;
  /// " FROM main.t WHERE ...": the rows that are there, and for which `condition` is true where there is one.
  std::string FromWhere(const std::string& condition = "") const;
};

/// The ordinary tables of a database: no views, virtual tables, shadow tables of those, nothing of SQLite's
/// (sqlite_...) or of ours (_mirror_...).
absl::StatusOr<std::vector<std::string>> ListTables(const SqliteFile& file);
absl::StatusOr<std::vector<std::string>> ListViews(const SqliteFile& file);

/// `key`: columns by which its rows are told apart, of a view or a table that declares none.
/// Errors: the table cannot be read; kInvalidArgument: the key does not fit it.
absl::StatusOr<SourcePlan> PlanSource(const SqliteFile& file, const std::string& table,
                                      const std::vector<std::string>& key = {});

/// A default's SQL text as a value, when it is a plain constant that `column` holds; else nothing.
std::optional<Literal> ParseDefault(std::string_view sql, const Column& column);

/// The affinity that SQLite gives to a declared type.
Affinity AffinityOf(std::string_view declared_type);

/// Indexes and foreign keys of a table, within a look; of a view none. What cannot be told as columns of it
/// is told by name, and what has no name that can be sent is only counted. Errors: the source cannot be read.
absl::StatusOr<SourceObjects> ReadObjects(const SqliteFile& file, const SourcePlan& plan);

/// What of the schema has to stay for as long as a table is read in several looks: its own definition, its
/// indexes and triggers, and that its log stands behind it. Other objects come and go.
using TableDefinition = std::string;

/// Of all tables and views, by folded name, in one pass: sqlite_schema has no index. `log_of`: the name of
/// the log of a table, by its folded name; empty: it has none.
absl::StatusOr<std::map<std::string, TableDefinition>> ReadDefinitions(
    const SqliteFile& file, const std::function<std::string(const std::string&)>& log_of);

/// Whether a table is still what it was announced as. Threads: one.
class DefinitionWatch {
 public:
  /// `version`: PRAGMA schema_version when `definition` was read, or before. `log`: the name of its log;
  /// empty: none. `hidden_order`: it is read in the order of a rowid that is no column, which VACUUM changes,
  /// so that the schema must not move at all between its looks.
  DefinitionWatch(std::string table, std::string log, TableDefinition definition, std::int64_t version,
                  bool hidden_order = false);

  /// In a look. kAborted: it is another one.
  absl::Status Check(const SqliteFile& file);

 private:
  std::string table_, log_;
  TableDefinition definition_;
  std::int64_t version_;
  bool hidden_order_, looked_ = false;
};

/// Runs `sql` with `table` as its only parameter, or with none where that is empty, and calls `row` for each
/// row.
template <typename Row>
absl::Status ForEachRow(const SqliteFile& file, const std::string& sql, const std::string& table,
                        const Row& row) {
  ASSIGN_OR_RETURN(sqlite::Statement statement, file.Prepare(sql));
  statement.SetDoing(table.empty() ? "reading its schema" : absl::StrCat("reading table '", table, "'"));
  if (!table.empty()) statement.Bind(1, table);
  absl::StatusOr<bool> more = statement.Step();
  for (; more.ok() && *more; more = statement.Step()) row(statement);
  return more.status();
}

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_SCHEMA_H_
