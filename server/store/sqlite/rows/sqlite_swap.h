#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_SWAP_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_SWAP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "proto/wire/table.h"
#include "server/store/sqlite/file/sqlite_connection.h"

// Puts a population in the table's place, by documented SQLite statements only: the data that SQLite keeps
// for a table beside its rows (pages, hidden indexes, statistics) is for SQLite alone to move. Inside the
// caller's transaction and savepoint.

namespace mirror {

/// Drops the table and renames its shadow to the name. Then recreates the partner's indexes and triggers from
/// their own SQL, on the new rows. Views and foreign keys refer to the name. `left_out` gets the indexes
/// that the new rows violate. Errors: kFailedPrecondition for people, when the shadow or the table is gone,
/// somebody else made the table, or a trigger cannot be recreated.
absl::Status RunSwap(SqliteConnection& connection, const std::string& table,
                     std::vector<std::string>* left_out);

/// Ends a population of a table that keeps the partner's data (KeepsPartner). Deletes or marks, as `deletes`
/// says, live rows that the shadow lacks; writes the shadow's rows into the table, and drops the shadow.
/// Inside the caller's transaction and savepoint. Errors: kFailedPrecondition naming the partner's index that
/// the new rows violate; the caller rolls back.
absl::Status RunMerge(SqliteConnection& connection, const TableSchema& schema, const std::string& shadow,
                      std::int64_t now_ms);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_SWAP_H_
