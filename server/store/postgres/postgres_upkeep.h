#ifndef MIRROR_SERVER_STORE_POSTGRES_POSTGRES_UPKEEP_H_
#define MIRROR_SERVER_STORE_POSTGRES_POSTGRES_UPKEEP_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "base/db/postgres/connection.h"
#include "server/store/postgres/place/own_names.h"
#include "server/store/postgres/postgres_mirror.h"
#include "server/store/postgres/rows/state_memory.h"
#include "server/store/store_upkeep.h"

namespace mirror {

/// Makes the maintenance calls. `mirror` must outlive the result. `quarantined`: the result of
/// ReadQuarantine().
std::unique_ptr<StoreUpkeep> MakePostgresUpkeep(PostgresMirror& mirror, std::string quarantined);

/// Returns why the mirror is quarantined; empty: it is not. The reason is stored as the schema's comment.
/// There it survives the loss of the mirror's own tables, and a DBA sees it.
absl::StatusOr<std::string> ReadQuarantine(postgres::Connection& connection, const PostgresOwnTables& names);

/// Does the work that transactions left, in transactions of its own: drops relations that are garbage, and
/// empties columns that a rule excludes. Leaves work that locks of other sessions block. Does nothing in a
/// mirror that is not served here at `epoch`. Errors: those of a store.
absl::Status TidyMirror(postgres::Connection& connection, const MirrorGuard& own,
                        const PostgresOwnTables& names, std::int64_t epoch);

/// Does the same between a transaction's commit and its answer. Empties the columns that the transaction
/// noted, which `state` tells. Drops garbage within 200 ms, beginning with the transaction's own. `all`:
/// drops all noted garbage, within 2 s.
absl::Status TidyBehind(postgres::Connection& connection, const MirrorGuard& own,
                        const PostgresOwnTables& names, std::int64_t epoch, const StateMemory& state,
                        bool all);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_POSTGRES_UPKEEP_H_
