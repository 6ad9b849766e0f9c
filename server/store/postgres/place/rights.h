#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_RIGHTS_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_RIGHTS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/store/postgres/place/names.h"

// Rights of others on what the mirror makes. Relations and schemas as they stand in SQL. Errors: as
// InStoreWords().

namespace mirror {

/// Others may from now on with the relation `to` what they may with `from`, its columns too, and no more.
absl::Status GiveRights(postgres::Connection& connection, const std::string& from, const std::string& to);

/// Others may read the relation `to`, the columns of it that they may read of `from`, and no more. Of one
/// with row security nobody may: its policies would not be those of `to`.
absl::Status GiveReading(postgres::Connection& connection, const std::string& from, const std::string& to);

/// Nobody but its owner may use the relation, whatever default privileges say.
absl::Status TakeRights(postgres::Connection& connection, const std::string& relation);

/// The mirror `to` takes the place of the one in the schema `from`: others get their rights on that schema,
/// its default privileges, and for each relation the rights on the one of that name. A mirrored table that
/// was not there gets those that default privileges give. Row security does not come along: gives the tables
/// of `from` that have it. Nobody gets rights on those, nor, where there is one, by default privileges.
absl::StatusOr<std::vector<std::string>> CarryRights(postgres::Connection& connection,
                                                     const std::string& from, const PostgresOwnTables& to);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_RIGHTS_H_
