#ifndef MIRROR_SERVER_STORE_POSTGRES_POSTGRES_UPKEEP_H_
#define MIRROR_SERVER_STORE_POSTGRES_POSTGRES_UPKEEP_H_

#include <memory>
#include <string>

#include "server/store/postgres/postgres_mirror.h"
#include "server/store/store_upkeep.h"

namespace mirror {

/// `mirror` outlives it. `quarantined`: as ReadQuarantine() gave it.
std::unique_ptr<StoreUpkeep> MakePostgresUpkeep(PostgresMirror& mirror, std::string quarantined);

/// Why the mirror is quarantined, which is the schema's comment: it is there when the mirror's own tables are
/// not, and a DBA sees it. Empty: it is not.
absl::StatusOr<std::string> ReadQuarantine(postgres::Connection& connection, const PostgresOwnTables& names);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_POSTGRES_UPKEEP_H_
