#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_ROWS_BY_KEY_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_ROWS_BY_KEY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/wire/row_block.h"
#include "proto/wire/table.h"
#include "server/store/sqlite/file/sqlite_connection.h"

namespace mirror {

/// See StoreRecords::ReadRows().
absl::StatusOr<RowBlock> ReadRowsByKey(SqliteConnection& connection, const TableSchema& kept,
                                       const std::vector<std::string>& keys, std::uint64_t bytes_max);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_ROWS_BY_KEY_H_
