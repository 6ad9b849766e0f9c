#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_GARBAGE_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_GARBAGE_H_

#include <chrono>
#include <cstddef>
#include <optional>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/store/postgres/place/own_names.h"

namespace mirror {

struct GarbageTurn {
  std::set<std::string> first;                           ///< Relations that come before the others.
  std::optional<std::chrono::milliseconds> within = {};  ///< Then none is begun any more; absent: all are.
};

/// Drops what MakeGarbage() noted, each relation in a transaction of its own, 100 ms of waiting each. One
/// that somebody reads, or that a view hangs on, stays for the next time. Gives how many stay. Errors: as a
/// store's, the first one of them, when all others have been tried.
absl::StatusOr<std::size_t> DropGarbage(postgres::Connection& connection, const MirrorGuard& own,
                                        const PostgresOwnTables& names, const GarbageTurn& turn = {});

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_GARBAGE_H_
