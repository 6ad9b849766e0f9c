#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_ROWS_BY_KEY_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_ROWS_BY_KEY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "proto/wire/row_block.h"
#include "proto/wire/table.h"
#include "server/store/postgres/place/names.h"

namespace mirror {

/// See StoreRecords::ReadRows().
absl::StatusOr<RowBlock> ReadRowsByKey(postgres::Connection& connection, const PostgresOwnTables& names,
                                       const TableSchema& kept, const std::vector<std::string>& keys,
                                       std::uint64_t bytes_max);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_ROWS_BY_KEY_H_
