#ifndef MIRROR_SERVER_STORE_POSTGRES_WHOLE_MIRROR_H_
#define MIRROR_SERVER_STORE_POSTGRES_WHOLE_MIRROR_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/store/postgres/place/own_names.h"
#include "server/store/postgres/rows/tenant_row.h"

// Checks that a mirror is complete.

namespace mirror {

/// Errors: kDataLoss, naming the relation of the mirror's own that somebody dropped.
absl::Status CheckOwnRelations(postgres::Connection& connection, const std::string& context_id,
                               const PostgresOwnTables& names);
/// Reads the tenant's row, which every mirror has. Errors also: kDataLoss: the row is missing.
absl::StatusOr<TenantRow> ReadTenantRow(postgres::Connection& connection, const PostgresOwnTables& names);
/// The same where no transaction has begun: one round trip.
absl::StatusOr<TenantRow> ReadTenantRow(postgres::Connection& connection, const MirrorGuard& own,
                                        const PostgresOwnTables& names);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_WHOLE_MIRROR_H_
