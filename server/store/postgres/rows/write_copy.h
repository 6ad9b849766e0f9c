#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_WRITE_COPY_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_WRITE_COPY_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/plan/plan.h"
#include "server/store/postgres/rows/columns_out.h"
#include "server/store/postgres/rows/write_set.h"

namespace mirror {

/// Whether rows of the INSERT may be removed and written anew: nothing in a row is another's. Asked in the
/// transaction that writes them.
absl::StatusOr<bool> MayReplaceRows(postgres::Connection& connection, const PostgresTarget& target,
                                    const TableSchema& schema);

/// Those rows of an INSERT by COPY, none of whose keys is there. Gives how many. The error's
/// Failure::copy_row counts `rows`.
absl::StatusOr<std::int64_t> CopyRows(postgres::Connection& connection, const PostgresTarget& target,
                                      const ApplyRows& apply, PostgresBatchValues& values,
                                      const std::vector<std::uint32_t>& rows);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_WRITE_COPY_H_
