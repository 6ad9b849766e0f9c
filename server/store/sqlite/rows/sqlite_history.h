#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_HISTORY_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_HISTORY_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/wire/table.h"
#include "server/store/journal_verbs.h"
#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/sqlite/rows/version_sql.h"
#include "server/store/version_reader.h"

namespace mirror {

/// A row of `_mirror_history`.
struct KeptHistory {
  std::string versions;  ///< The table with the versions.
  std::string view;      ///< The view of all versions.
  TableSchema schema;    ///< The mirrored table's definition, when last read.
  std::int64_t known_from = 0;
  /// Columns that have a new rule, while the rows are still as they were before it.
  std::vector<std::string> hidden;
};
absl::StatusOr<std::optional<KeptHistory>> FindHistory(SqliteConnection& connection,
                                                       const std::string& table);
/// Returns the names of tables with a history.
absl::StatusOr<std::vector<std::string>> SelectHistories(SqliteConnection& connection);

/// Reads the visible table's columns. Errors: kFailedPrecondition if a column of its key is missing.
absl::StatusOr<VisibleRows> ReadVisibleRows(SqliteConnection& connection, const TableSchema& kept);

/// Called before an ALTER: drops the mirror's own views of the table until HistoryVerbs::Follow() makes
/// them again. Otherwise SQLite would refuse the change because of them. Keeps other objects with
/// their names.
absl::Status DropHistoryView(SqliteConnection& connection, const std::string& table);
/// Called after a population, which may have added columns that the view lacked.
absl::Status MendHistoryView(SqliteConnection& connection, const std::string& table);
/// Called before a table is made whose name may be that of such a view.
absl::Status YieldViewName(SqliteConnection& connection, const std::string& name);

/// Makes the verbs on `_mirror_history` and the tables that it names. `connection` must outlive them.
std::unique_ptr<HistoryVerbs> MakeSqliteHistory(SqliteConnection& connection);

/// Makes a reader in the transaction of `connection`, which must outlive it.
std::unique_ptr<VersionReader> MakeSqliteVersionReader(SqliteConnection& connection);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_HISTORY_H_
