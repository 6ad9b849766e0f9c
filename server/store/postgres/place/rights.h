#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_RIGHTS_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_RIGHTS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/store/postgres/place/names.h"

// Rights of other roles on what the mirror makes. Relations and schemas as they stand in SQL. Errors: as
// ToStoreStatus().

namespace mirror {

/// Gives other roles exactly the rights on the relation `to`, and its columns, that they have on `from`.
absl::Status GiveRights(postgres::Connection& connection, const std::string& from, const std::string& to);

/// Lets other roles read exactly those columns of the relation `to` that they may read of `from`. If `from`
/// has row security no role may: its policies would not apply to `to`.
absl::Status GiveReading(postgres::Connection& connection, const std::string& from, const std::string& to);

/// Removes all rights of other roles on the relation, whatever default privileges say.
absl::Status TakeRights(postgres::Connection& connection, const std::string& relation);

/// Copies rights when the mirror `to` replaces the one in the schema `from`: other roles get their rights on
/// that schema, its default privileges, and their rights on each relation of the same name. A new mirrored
/// table gets the rights of the default privileges. Row security is not copied: returns the tables of `from`
/// that have it. No role gets rights on those, nor, if there is such a table, by default privileges.
absl::StatusOr<std::vector<std::string>> CarryRights(postgres::Connection& connection,
                                                     const std::string& from, const PostgresOwnTables& to);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_RIGHTS_H_
