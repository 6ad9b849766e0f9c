#ifndef MIRROR_SERVER_STORE_SQLITE_SQLITE_UPKEEP_H_
#define MIRROR_SERVER_STORE_SQLITE_SQLITE_UPKEEP_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"

#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/store_upkeep.h"

namespace mirror {

/// Keeps one mirror file well. `connection` outlives it. `write_waiting`: see StoreUpkeep::WriteWaiting().
std::unique_ptr<StoreUpkeep> MakeSqliteUpkeep(SqliteConnection& connection, const std::string& context_id,
                                              std::function<absl::Status()> write_waiting);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_SQLITE_UPKEEP_H_
