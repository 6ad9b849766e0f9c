#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_STORED_ROW_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_STORED_ROW_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/wire/row_block.h"
#include "proto/wire/table.h"
#include "server/store/sqlite/file/sqlite_connection.h"

struct sqlite3_stmt;

namespace mirror {

/// Appends the current row of `row` to `block`. The statement has the columns of `block`, in the same order.
/// Errors: kFailedPrecondition: a value does not have its column's type. Then `block` must not be used.
absl::Status AppendStoredRow(const TableSchema& table, sqlite3_stmt* row, RowBlock* block);

/// See StoreRecords::ReadRows().
absl::StatusOr<RowBlock> ReadRowsByKey(SqliteConnection& connection, const TableSchema& kept,
                                       const std::vector<std::string>& keys, std::uint64_t bytes_max);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_STORED_ROW_H_
