#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_REFUSALS_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_REFUSALS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/sqlite/rows/sqlite_rows.h"

// What people are told when a batch cannot be written, whichever way it was tried.

namespace mirror {

/// SQLite answered `code` when row `row` was written: kFailedPrecondition naming the partner's unique indexes
/// for a constraint, else SqliteConnection::ToStatus.
absl::Status RefusedRow(SqliteConnection& connection, const std::string& target, const TableSchema& schema,
                        int code, std::uint32_t row);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_REFUSALS_H_
