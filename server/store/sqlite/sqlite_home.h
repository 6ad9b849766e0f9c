#ifndef MIRROR_SERVER_STORE_SQLITE_SQLITE_HOME_H_
#define MIRROR_SERVER_STORE_SQLITE_SQLITE_HOME_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/store/home.h"
#include "server/store/sqlite/sqlite_store.h"

namespace mirror {

/// Within the folder: what is being restored or tried, removed by Recover().
inline constexpr char kWorkFolder[] = ".work";

/// A home that is a folder with a SQLite file for each tenant, `<dir>/Mirror_<context_id>.db`. Beside it
/// stands what was there before a restore, a reset and a rebuild, as `.replaced-<now_ms>`, `.reset-<now_ms>`
/// and
/// `.damaged-<now_ms>` behind that name.
/// Takes the folder for this process alone (a lock file). `checkpointer` and `begin_building` of `options`
/// are its own. It outlives its stores. Errors: kFailedPrecondition when another server has the folder, or it
/// cannot be written.
absl::StatusOr<std::unique_ptr<StoreHome>> OpenSqliteHome(const std::string& dir,
                                                          const SqliteOptions& options);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_SQLITE_HOME_H_
