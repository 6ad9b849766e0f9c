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

// Notes that wait for hooks, in `_mirror_hooks` of the mirror's own file. A note is written in the
// transaction of the change that it reports. Without hooks this table does not exist, and no call reads it.

namespace mirror {

/// Returns the oldest note that waits for `hook`.
absl::StatusOr<std::optional<HookNote>> SelectHook(SqliteConnection& connection, const std::string& hook);

// The following functions run inside the caller's transaction.

/// Adds notes. First removes notes for hooks that are not in `known`, if they were committed before
/// `unknown_before_ms`.
absl::Status AddHooks(SqliteConnection& connection, const std::vector<HookNote>& notes,
                      const std::vector<std::string>& known, std::int64_t unknown_before_ms);
/// Keeps the newest `count_max` notes and removes the others. Returns how many it removed. Called after
/// AddHooks.
absl::StatusOr<std::uint64_t> TrimHooks(SqliteConnection& connection, std::int64_t count_max);
absl::Status RemoveHooks(SqliteConnection& connection, const std::vector<std::int64_t>& delivered);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_HOOKS_H_
