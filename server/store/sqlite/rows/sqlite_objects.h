#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_OBJECTS_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_OBJECTS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/sqlite/file/sqlite_connection.h"

// Indexes and foreign keys that the source announced for its tables, in `_mirror_source_objects`, and the
// indexes that the mirror makes from them. All writes run inside the caller's transaction.

namespace mirror {

absl::Status CreateObjectsTable(SqliteConnection& connection);
/// Skips rows that cannot be read: the next announcement writes them again.
absl::StatusOr<std::vector<KeptObjects>> SelectObjects(SqliteConnection& connection);
absl::Status WriteObjects(SqliteConnection& connection, const ObjectsChange& change);
absl::Status ForgetObjects(SqliteConnection& connection, const std::string& table);

/// Returns whether an index with this name is the mirror's own.
bool IsOwnIndex(std::string_view name);
absl::StatusOr<std::vector<OwnIndex>> SelectOwnIndexes(SqliteConnection& connection);
absl::Status ChangeIndex(SqliteConnection& connection, const IndexChange& change);
/// Drops those indexes of the mirror that prevent the drop of a column. The source no longer has them.
absl::Status DropOwnIndexesOver(SqliteConnection& connection, const std::string& table,
                                const std::string& column);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_OBJECTS_H_
