#ifndef MIRROR_SERVER_HOOKS_DELIVERY_HOOK_SQL_H_
#define MIRROR_SERVER_HOOKS_DELIVERY_HOOK_SQL_H_

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "server/hooks/hook_target.h"

namespace mirror {

/// Returns the path of a tenant's SQLite database. The file need not exist.
using PathOfMirror = std::function<std::string(const std::string& context_id)>;

/// Maximum time for the SQL of a hook. It holds the mirror's write lock, and calls of the source wait only 5
/// s for that lock.
inline constexpr std::chrono::milliseconds kSqlHookTimeMax{2'000};

/// Runs statements in the tenant's own database, on a separate connection and in one transaction.
/// They can use :context_id, :event, :cycle and :json. They may read everything except the mirror's
/// own tables, and write to the partner's tables. Refused: writing mirrored rows or metadata, ATTACH,
/// PRAGMA, their own transactions, extensions. The answer is the first column of the first row.
std::unique_ptr<HookTarget> MakeSqlHook(std::string sql, PathOfMirror path_of);

/// Checks that SQLite can parse the statements and that they do only what a hook may do, as far as this is
/// possible without a mirror. Statements that name tables are checked completely when they run. Errors:
/// kInvalidArgument.
absl::Status TryHookSql(const std::string& sql);

}  // namespace mirror

#endif  // MIRROR_SERVER_HOOKS_DELIVERY_HOOK_SQL_H_
