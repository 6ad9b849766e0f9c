#ifndef MIRROR_SERVER_STORE_POSTGRES_TIDY_MIRROR_H_
#define MIRROR_SERVER_STORE_POSTGRES_TIDY_MIRROR_H_

#include <cstdint>

#include "absl/status/status.h"
#include "base/db/postgres/connection.h"
#include "server/store/postgres/place/own_names.h"
#include "server/store/postgres/records/state_memory.h"

namespace mirror {

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

#endif  // MIRROR_SERVER_STORE_POSTGRES_TIDY_MIRROR_H_
