#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_SWAP_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_SWAP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "proto/wire/table.h"
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

/// Ends a population of a table that keeps what is the partner's (KeepsPartner): its live rows that the
/// shadow lacks go as `deletes` says, the shadow's rows are written over what is there, and the shadow is
/// dropped. Inside the caller's transaction and savepoint. Errors: kFailedPrecondition naming the partner's
/// index that the new rows break; the caller takes all of it back.
absl::Status RunMerge(SqliteConnection& connection, const TableSchema& schema, const std::string& shadow,
                      std::int64_t now_ms);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_SWAP_H_
