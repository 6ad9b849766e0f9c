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
  TableSchema schema;    ///< The mirrored table's definition when it was read last.
  std::int64_t known_from = 0;
  /// Columns with a new rule that the rows do not follow yet.
  std::vector<std::string> hidden;
};
absl::StatusOr<std::optional<KeptHistory>> FindHistory(SqliteConnection& connection,
                                                       const std::string& table);
/// Returns the names of tables with a history.
absl::StatusOr<std::vector<std::string>> SelectHistories(SqliteConnection& connection);

/// Reads the columns of the visible table. Errors: kFailedPrecondition: a column of its key is missing.
absl::StatusOr<VisibleRows> ReadVisibleRows(SqliteConnection& connection, const TableSchema& kept);

/// Called before an ALTER: drops the mirror's own views of the table, because SQLite would refuse the change
/// otherwise. HistoryVerbs::Follow() makes them again. Other objects with these names stay.
absl::Status DropHistoryView(SqliteConnection& connection, const std::string& table);
/// Called after a population, which may have added columns that the view lacks: makes the view again if
/// needed.
absl::Status MendHistoryView(SqliteConnection& connection, const std::string& table);
/// Called before a table is made: if a view of a history has the name, the view gets another one.
absl::Status YieldViewName(SqliteConnection& connection, const std::string& name);

/// Makes the verbs on `_mirror_history` and on the tables that it names. `connection` must outlive the
/// result.
std::unique_ptr<HistoryVerbs> MakeSqliteHistory(SqliteConnection& connection);

/// Makes a reader in the transaction of `connection`. `connection` must outlive the reader.
std::unique_ptr<VersionReader> MakeSqliteVersionReader(SqliteConnection& connection);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_HISTORY_H_
