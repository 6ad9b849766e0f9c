#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_GARBAGE_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_GARBAGE_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/store/postgres/place/names.h"

namespace mirror {

/// Drops what MakeGarbage() noted, each relation in a transaction of its own. One that somebody reads, or
/// that a view hangs on, stays for the next time. Gives how many stay. Errors: as a store's.
absl::StatusOr<std::size_t> DropGarbage(postgres::Connection& connection, const PostgresOwnTables& names);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_GARBAGE_H_
