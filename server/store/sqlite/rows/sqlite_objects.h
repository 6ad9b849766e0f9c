#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_OBJECTS_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_OBJECTS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/sqlite/file/sqlite_connection.h"

// What the source told of its tables' indexes and foreign keys, in `_mirror_source_objects`, and the indexes
// that the mirror makes by it. All that changes something runs inside of the caller's transaction.

namespace mirror {

absl::Status CreateObjectsTable(SqliteConnection& connection);
/// What cannot be read counts as not told: the next announcement writes it anew.
absl::StatusOr<std::vector<KeptObjects>> SelectObjects(SqliteConnection& connection);
absl::Status WriteObjects(SqliteConnection& connection, const ObjectsChange& change);
absl::Status ForgetObjects(SqliteConnection& connection, const std::string& table);

/// Whether an index of this name is the mirror's own.
bool IsOwnIndex(std::string_view name);
absl::StatusOr<std::vector<OwnIndex>> SelectOwnIndexes(SqliteConnection& connection);
absl::Status ChangeIndex(SqliteConnection& connection, const IndexChange& change);
/// Those of the mirror's own that keep a column from being dropped: the source has none of them any more.
absl::Status DropOwnIndexesOver(SqliteConnection& connection, const std::string& table,
                                const std::string& column);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_OBJECTS_H_
