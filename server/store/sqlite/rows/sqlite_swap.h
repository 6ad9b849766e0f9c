#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_SWAP_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_SWAP_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/store/sqlite/file/sqlite_connection.h"

// A population takes the table's place, by statements that SQLite documents and nothing else: what it keeps
// of a table beside its rows (pages, hidden indexes, statistics) is for SQLite alone to move. Inside the
// caller's transaction and savepoint.

namespace mirror {

/// Drops the table and moves its shadow to the name, then makes the partner's indexes and triggers again from
/// their own text, on the new rows. Views and foreign keys hang on the name. `left_out` names the indexes
/// that the new rows do not let be. Errors: kFailedPrecondition for people, when the shadow or the table is
/// gone, the table was made by somebody else, or a trigger cannot be made again.
absl::Status RunSwap(SqliteConnection& connection, const std::string& table,
                     std::vector<std::string>* left_out);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_SWAP_H_
