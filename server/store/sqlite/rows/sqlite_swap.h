#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_SWAP_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_SWAP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "proto/wire/table.h"
#include "server/store/sqlite/file/sqlite_connection.h"

// Replaces a table by its population, with documented SQLite statements only. SQLite keeps other data for a
// table besides its rows: pages, hidden indexes, statistics. Only SQLite itself may move those. These
// functions run inside the caller's transaction and savepoint.

namespace mirror {

/// Drops the table and renames its shadow to the table's name. Then recreates the partner's indexes and
/// triggers on the new rows, from their own SQL. Views and foreign keys refer to the name and stay. Adds to
/// `left_out` the indexes that the new rows violate. Errors: kFailedPrecondition, with a message for people:
/// the shadow or the table is missing, somebody else made the table, or a trigger cannot be recreated.
absl::Status RunSwap(SqliteConnection& connection, const std::string& table,
                     std::vector<std::string>* left_out);

/// Ends a population of a table that keeps the partner's data (KeepsPartner). Deletes or marks the live rows
/// that the shadow lacks, according to `deletes`. Writes the shadow's rows into the table and drops the
/// shadow. Runs inside the caller's transaction and savepoint. Errors: kFailedPrecondition, with the name of
/// the partner's index that the new rows violate. Then the caller rolls back.
absl::Status RunMerge(SqliteConnection& connection, const TableSchema& schema, const std::string& shadow,
                      std::int64_t now_ms);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_SWAP_H_
