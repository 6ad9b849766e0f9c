#ifndef MIRROR_SERVER_STORE_MISSING_ROWS_H_
#define MIRROR_SERVER_STORE_MISSING_ROWS_H_

#include "absl/status/status.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"
#include "server/store/store_transaction.h"

namespace mirror {

/// Returns kFailedPrecondition for an UPDATE of rows that do not exist. All stores use the same message.
/// Sorts `written->missing_rows`.
absl::Status RowsMissing(const TableSchema& schema, const ChangeBatch& batch, RowsWritten* written);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_MISSING_ROWS_H_
