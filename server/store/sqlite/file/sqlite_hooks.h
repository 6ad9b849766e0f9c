#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_HOOKS_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_HOOKS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/sqlite/file/sqlite_connection.h"

// What waits to be told to hooks, in `_mirror_hooks` of the mirror's own file: it moves in the transaction of
// what it speaks of. Without a hook there is no such table, and nothing is asked of it.

namespace mirror {

/// The oldest that waits for `hook`.
absl::StatusOr<std::optional<HookNote>> SelectHook(SqliteConnection& connection, const std::string& hook);

// Inside the caller's transaction.

/// What waits for other hooks than `known`, and was committed before `unknown_before_ms`, goes first.
absl::Status AddHooks(SqliteConnection& connection, const std::vector<HookNote>& notes,
                      const std::vector<std::string>& known, std::int64_t unknown_before_ms);
/// Behind AddHooks: leaves the newest `count_max`, and gives how many went.
absl::StatusOr<std::uint64_t> TrimHooks(SqliteConnection& connection, std::int64_t count_max);
absl::Status RemoveHooks(SqliteConnection& connection, const std::vector<std::int64_t>& delivered);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_HOOKS_H_
