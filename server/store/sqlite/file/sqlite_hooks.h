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

// Notes that wait for hooks, in `_mirror_hooks` of the mirror's own file. They are written in the transaction
// of the change that they report. Without hooks there is no such table, and no call reads it.

namespace mirror {

/// Returns the oldest note that waits for `hook`.
absl::StatusOr<std::optional<HookNote>> SelectHook(SqliteConnection& connection, const std::string& hook);

// The following run inside the caller's transaction.

/// Adds notes. First removes notes for hooks that are not in `known`, committed before `unknown_before_ms`.
absl::Status AddHooks(SqliteConnection& connection, const std::vector<HookNote>& notes,
                      const std::vector<std::string>& known, std::int64_t unknown_before_ms);
/// Called after AddHooks: keeps the newest `count_max` notes, and returns how many it removed.
absl::StatusOr<std::uint64_t> TrimHooks(SqliteConnection& connection, std::int64_t count_max);
absl::Status RemoveHooks(SqliteConnection& connection, const std::vector<std::int64_t>& delivered);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_HOOKS_H_
