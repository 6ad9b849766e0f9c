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
  std::string versions;  ///< The table that has them.
  std::string view;      ///< Of all versions.
  TableSchema schema;    ///< The mirrored table's, when it was looked at last.
  std::int64_t known_from = 0;
  /// Columns that have a new rule, while the rows are still as they were before it.
  std::vector<std::string> hidden;
};
absl::StatusOr<std::optional<KeptHistory>> FindHistory(SqliteConnection& connection,
                                                       const std::string& table);
/// Names of tables.
absl::StatusOr<std::vector<std::string>> SelectHistories(SqliteConnection& connection);

/// As the visible table stands. Errors: kFailedPrecondition without a column of its key.
absl::StatusOr<VisibleRows> ReadVisibleRows(SqliteConnection& connection, const TableSchema& kept);

/// Before a definition is changed by ALTER: views of the mirror's own that speak of the table go until
/// HistoryVerbs::Follow() makes them again. SQLite would refuse the change for their sake. What somebody else
/// put under their names stays.
absl::Status DropHistoryView(SqliteConnection& connection, const std::string& table);
/// Behind a population, which may have brought columns that the view could not show before.
absl::Status MendHistoryView(SqliteConnection& connection, const std::string& table);
/// A table is to be made under a name that one of those views may have.
absl::Status YieldViewName(SqliteConnection& connection, const std::string& name);

/// Over `_mirror_history` and the tables that it names. `connection` outlives it.
std::unique_ptr<HistoryVerbs> MakeSqliteHistory(SqliteConnection& connection);

/// In the transaction of `connection`, which outlives it.
std::unique_ptr<VersionReader> MakeSqliteVersionReader(SqliteConnection& connection);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_HISTORY_H_
