#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_WRITE_ROWS_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_WRITE_ROWS_H_

#include "absl/status/status.h"
#include "base/db/postgres/connection.h"
#include "server/plan/plan.h"
#include "server/store/postgres/rows/write_set.h"
#include "server/store/store_transaction.h"

namespace mirror {

/// Writes the rows of `apply.batch`, and deletes the parts of the large values that it used. Runs in the
/// caller's transaction, which has failed after an error of PostgreSQL's. Errors: kFailedPrecondition: rows
/// of an UPDATE are missing (they are named), a constraint refuses, or a large value is incomplete;
/// kInvalidArgument: a value cannot be stored; kAborted: somebody else locks the table; Failure.
absl::Status WriteRows(postgres::Connection& connection, const PostgresTarget& target, const ApplyRows& apply,
                       RowsWritten* written);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_WRITE_ROWS_H_
