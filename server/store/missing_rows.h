#ifndef MIRROR_SERVER_STORE_MISSING_ROWS_H_
#define MIRROR_SERVER_STORE_MISSING_ROWS_H_

#include "absl/status/status.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"
#include "server/store/store_transaction.h"

namespace mirror {

/// kFailedPrecondition for an UPDATE of rows that are not there, in the words of every store. Puts them in
/// order.
absl::Status RowsMissing(const TableSchema& schema, const ChangeBatch& batch, RowsWritten* written);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_MISSING_ROWS_H_
