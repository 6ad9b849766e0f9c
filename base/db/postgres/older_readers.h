#ifndef MIRROR_BASE_DB_POSTGRES_OLDER_READERS_H_
#define MIRROR_BASE_DB_POSTGRES_OLDER_READERS_H_

#include <string>

#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"

namespace mirror::postgres {

/// Finds other sessions, replication slots and prepared transactions that may still see deleted rows: VACUUM
/// keeps such rows on disk. The call waits up to a second for them to end. Returns the remaining ones as a
/// text for people, "'psql' (process 17)"; empty: there are none. Errors: those of the connection.
absl::StatusOr<std::string> FindOlderReaders(Connection& connection);

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_OLDER_READERS_H_
