#ifndef MIRROR_BASE_DB_POSTGRES_OLDER_READERS_H_
#define MIRROR_BASE_DB_POSTGRES_OLDER_READERS_H_

#include <string>

#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"

namespace mirror::postgres {

/// Finds sessions that may still see deleted rows, which VACUUM then keeps on disk: those still running a
/// second later. For people, "'psql' (process 17)"; empty: none. Errors: the connection's.
absl::StatusOr<std::string> FindOlderReaders(Connection& connection);

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_OLDER_READERS_H_
