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

// Notifications that wait for hooks. A notification is written in the transaction of the change that it
// reports.

namespace mirror {

/// Returns the oldest notification for `hook`.
absl::StatusOr<std::optional<HookNote>> SelectHook(postgres::Connection& connection,
                                                   const PostgresOwnTables& names, const std::string& hook);
/// Returns all notifications, ordered by id.
absl::StatusOr<std::vector<HookNote>> SelectHooks(postgres::Connection& connection,
                                                  const PostgresOwnTables& names);
/// Inserts a note with the id that it has. No other note may have this id.
void PutHook(OwnWrites& writes, const PostgresOwnTables& names, const HookNote& note);
/// Appends notes with new, higher ids. First deletes notes for hooks that are not in `known`, if they were
/// committed before `unknown_before_ms`. Newer notes stay, because another server may still have that hook,
/// or have it already.
void AddHooks(OwnWrites& writes, const PostgresOwnTables& names, const std::vector<HookNote>& notes,
              const std::vector<std::string>& known, std::int64_t unknown_before_ms);
/// Keeps the newest `count_max` notes and deletes the others. Returns how many it deleted.
absl::StatusOr<std::uint64_t> TrimHooks(postgres::Connection& connection, const PostgresOwnTables& names,
                                        std::int64_t count_max);
void RemoveHooks(OwnWrites& writes, const PostgresOwnTables& names, const std::vector<std::int64_t>& ids);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_HOOK_ROWS_H_
