#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_STORE_STATUS_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_STORE_STATUS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mirror {

/// The subject of a statement that failed.
enum class TableOwner : std::uint8_t {
  kOwnTable,       ///< A table of the mirror's own: if it is missing or altered, that is damage.
  kMirroredTable,  ///< A table of the source's: a DBA may have changed it.
};

/// Converts an error of PostgreSQL's to a store's code, see store_transaction.h, and adds advice if there is
/// any. postgres::FailureOf() still returns the original failure. Other errors are returned unchanged. An
/// error that was already converted is converted again by the present `touched`; its advice is not repeated.
absl::Status ToStoreStatus(const absl::Status& status, TableOwner touched);
/// The same for a status with a value.
template <typename T>
absl::StatusOr<T> ToStoreStatus(absl::StatusOr<T> got, TableOwner touched) {
  if (got.ok()) return got;
  return ToStoreStatus(got.status(), touched);
}

/// Tells whether the same plan may succeed in a new transaction: two transactions conflicted, or a table's
/// definition changed under a prepared statement.
bool MayTryAgain(const absl::Status& status);

/// Tells whether CREATE SCHEMA failed because the schema exists: another session made it before, or at the
/// same time. In the second case PostgreSQL reports a unique index violation.
bool SchemaWasThere(const absl::Status& made);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_STORE_STATUS_H_
