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
  std::set<std::string> first;                           ///< Relations to drop before the others.
  std::optional<std::chrono::milliseconds> within = {};  ///< No further drop begins after this time; absent:
                                                         ///< no limit.
};

/// Drops the relations that MakeGarbage() noted. Each is dropped in its own transaction, which waits at most
/// 100 ms for locks. A relation that is being read, or that a view depends on, stays for the next call.
/// Returns how many relations stay. Errors: those of a store. It tries all relations, and then returns the
/// first error.
absl::StatusOr<std::size_t> DropGarbage(postgres::Connection& connection, const MirrorGuard& own,
                                        const PostgresOwnTables& names, const GarbageTurn& turn = {});

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_GARBAGE_H_
