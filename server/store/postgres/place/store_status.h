#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_STORE_STATUS_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_STORE_STATUS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mirror {

/// The kind of table that a failed statement used.
enum class TableOwner : std::uint8_t {
  kOwnTable,       ///< One of the mirror's own tables. If it is missing or altered, the mirror is damaged.
  kMirroredTable,  ///< A table of the source. A DBA may have changed it.
};

/// Converts an error of PostgreSQL to a code of the store, see store_transaction.h, and adds advice if there
/// is some. postgres::FailureOf() still returns the original failure. Returns other errors unchanged. If the
/// error was converted before, converts it again according to `touched`, without repeating the advice.
absl::Status ToStoreStatus(const absl::Status& status, TableOwner touched);
/// Does the same for a status with a value.
template <typename T>
absl::StatusOr<T> ToStoreStatus(absl::StatusOr<T> got, TableOwner touched) {
  if (got.ok()) return got;
  return ToStoreStatus(got.status(), touched);
}

/// Returns whether the same plan may succeed in a new transaction: two transactions conflicted, or the
/// definition of a table changed during a prepared statement's life.
bool MayTryAgain(const absl::Status& status);

/// Returns whether CREATE SCHEMA failed because the schema exists. Another session made it before, or at the
/// same time. In the second case PostgreSQL reports a unique index violation.
bool SchemaWasThere(const absl::Status& made);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_STORE_STATUS_H_
