#ifndef MIRROR_BASE_DB_POSTGRES_OLDER_READERS_H_
#define MIRROR_BASE_DB_POSTGRES_OLDER_READERS_H_

#include <string>

#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"

namespace mirror::postgres {

/// Who may still see rows that are deleted by now, which VACUUM would keep on disk: those that have not ended
/// a second later. For people, "'psql' (process 17)"; empty: nobody. Errors: the connection's.
absl::StatusOr<std::string> FindOlderReaders(Connection& connection);

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_OLDER_READERS_H_
