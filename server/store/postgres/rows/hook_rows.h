#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_HOOK_ROWS_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_HOOK_ROWS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/plan/plan.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/rows/own_writes.h"

// What waits to be told to hooks: it moves in the transaction of what it speaks of.

namespace mirror {

/// The oldest that waits for `hook`.
absl::StatusOr<std::optional<HookNote>> SelectHook(postgres::Connection& connection,
                                                   const PostgresOwnTables& names, const std::string& hook);
/// All that waits, by id.
absl::StatusOr<std::vector<HookNote>> SelectHooks(postgres::Connection& connection,
                                                  const PostgresOwnTables& names);
/// With the id that it has, which no other has.
void PutHook(OwnWrites& writes, const PostgresOwnTables& names, const HookNote& note);
/// Numbered behind all that ever waited. What waits for other hooks than `known`, and was committed before
/// `unknown_before_ms`, goes first: sooner another server may be configured for them already, or still.
void AddHooks(OwnWrites& writes, const PostgresOwnTables& names, const std::vector<HookNote>& notes,
              const std::vector<std::string>& known, std::int64_t unknown_before_ms);
/// Leaves the newest `count_max`, and gives how many went.
absl::StatusOr<std::uint64_t> TrimHooks(postgres::Connection& connection, const PostgresOwnTables& names,
                                        std::int64_t count_max);
void RemoveHooks(OwnWrites& writes, const PostgresOwnTables& names, const std::vector<std::int64_t>& ids);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_HOOK_ROWS_H_
