#ifndef MIRROR_SERVER_HOOKS_DELIVERY_HOOK_SQL_H_
#define MIRROR_SERVER_HOOKS_DELIVERY_HOOK_SQL_H_

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "server/hooks/hook_target.h"

namespace mirror {

/// Gives the path of a tenant's SQLite database, which need not be there.
using PathOfMirror = std::function<std::string(const std::string& context_id)>;

/// It holds the mirror's write lock meanwhile, for which the source's calls wait 5 s: it may never take as
/// long.
inline constexpr std::chrono::milliseconds kSqlHookTimeMax{2'000};

/// Runs statements in the tenant's own database, on a connection of their own and in one transaction, with
/// :context_id, :event, :cycle and :json. It may read everything there but the mirror's own tables, and write
/// into tables of the partner's; mirrored rows and the metadata, ATTACH, PRAGMA, transactions of its own and
/// extensions are refused. What the first row's first column holds is the answer.
std::unique_ptr<HookTarget> MakeSqlHook(std::string sql, PathOfMirror path_of);

/// As far as it can be told without a mirror: whether SQLite reads them, and whether they do only what a hook
/// may. What becomes of a statement that names tables shows when it runs. Errors: kInvalidArgument.
absl::Status TryHookSql(const std::string& sql);

}  // namespace mirror

#endif  // MIRROR_SERVER_HOOKS_DELIVERY_HOOK_SQL_H_
