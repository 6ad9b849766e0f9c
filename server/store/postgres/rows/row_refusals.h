#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_ROW_REFUSALS_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_ROW_REFUSALS_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "proto/wire/table.h"

namespace mirror {

/// What people are told when PostgreSQL refuses rows of a batch, never with what is in them. `row`: the one
/// that it is about, where that is known. kFailedPrecondition: a constraint, which is named, or a table that
/// is not as it was agreed; kInvalidArgument: a value or a row that PostgreSQL cannot hold, which
/// postgres::FailureOf() goes on telling; kAborted: a lock
/// of somebody else's, which is this table's affair alone. Others are `status` itself.
absl::Status RefusedRows(const absl::Status& status, const TableSchema& schema,
                         std::optional<std::uint32_t> row);
/// Whether all rows that were sent were written, where nothing refused them. Errors: kFailedPrecondition.
absl::Status CheckNoneKeptOut(const TableSchema& schema, std::int64_t written, std::size_t sent);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_ROW_REFUSALS_H_
