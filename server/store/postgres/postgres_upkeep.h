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

/// `mirror` outlives it. `quarantined`: as ReadQuarantine() gave it.
std::unique_ptr<StoreUpkeep> MakePostgresUpkeep(PostgresMirror& mirror, std::string quarantined);

/// Why the mirror is quarantined, which is the schema's comment: it is there when the mirror's own tables are
/// not, and a DBA sees it. Empty: it is not.
absl::StatusOr<std::string> ReadQuarantine(postgres::Connection& connection, const PostgresOwnTables& names);

/// What transactions left for later, in transactions of its own: relations that are garbage are dropped, and
/// columns that a rule empties are emptied. What others' locks keep from it stays. Errors: as a store's.
/// A mirror that is not served where `epoch` was heard of is left as it is.
absl::Status TidyMirror(postgres::Connection& connection, const MirrorGuard& own,
                        const PostgresOwnTables& names, std::int64_t epoch);

/// The same between a transaction's commit and its answer: columns of the tables that it noted, which `state`
/// remembers, and what is to be dropped within 200 ms, its own first. `all`: whatever was noted, within 2 s.
absl::Status TidyBehind(postgres::Connection& connection, const MirrorGuard& own,
                        const PostgresOwnTables& names, std::int64_t epoch, const StateMemory& state,
                        bool all);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_POSTGRES_UPKEEP_H_
