#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_RIGHTS_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_RIGHTS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/store/postgres/place/names.h"

// Rights of other roles on objects that the mirror makes. Relations and schemas are given as written in SQL.
// Errors: those of ToStoreStatus().

namespace mirror {

/// Gives other roles on the relation `to`, and on its columns, exactly the rights that they have on `from`.
absl::Status GiveRights(postgres::Connection& connection, const std::string& from, const std::string& to);

/// Lets other roles read exactly those columns of the relation `to` that they may read in `from`. If `from`
/// has row security, no role may read `to`, because its policies would not apply there.
absl::Status GiveReading(postgres::Connection& connection, const std::string& from, const std::string& to);

/// Removes all rights of other roles on the relation, including those that default privileges gave.
absl::Status TakeRights(postgres::Connection& connection, const std::string& relation);

/// Copies rights when the mirror `to` replaces the one in schema `from`. Other roles get their rights on that
/// schema, its default privileges, and their rights on each relation with the same name. A mirrored table
/// that is new gets the rights of the default privileges. Row security is not copied. Returns the tables of
/// `from` that have it. No role gets rights on those tables. If there is such a table, no role gets rights by
/// default privileges either.
absl::StatusOr<std::vector<std::string>> CarryRights(postgres::Connection& connection,
                                                     const std::string& from, const PostgresOwnTables& to);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_RIGHTS_H_
