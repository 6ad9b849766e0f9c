#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_OWN_SCHEMA_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_OWN_SCHEMA_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "base/db/postgres/pipeline.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/place/own_names.h"
#include "server/store/postgres/place/schema_layout.h"
#include "server/store/postgres/rows/tenant_row.h"

// The schema of a mirror, the mirror's own tables in it, and their layout.

namespace mirror {

/// The layout that this program writes. A mirror with an earlier layout is upgraded when it is opened. A
/// mirror with a later layout is opened if its `layout_min` is not greater than this: such layouts only add
/// something. Since layout 2 all own tables of a mirror exist from the beginning. Otherwise another role that
/// may make relations in its schema could take a free name.
inline constexpr std::int64_t kPostgresLayout = 2;
/// The oldest layout whose servers can run at the same time as this one.
inline constexpr std::int64_t kPostgresLayoutMin = 1;
/// Returns the steps up to this layout. tests/data/old has schemas of earlier versions. A test upgrades them
/// and compares them with new ones.
SchemaLayout MirrorLayout(const PostgresOwnTables& names, const MirrorGuard* own = nullptr);

/// Returns kFailedPrecondition for a schema that has the name of a tenant's schema but no mirror of this
/// tenant.
absl::Status NotTheMirrorOf(const std::string& context_id, const PostgresOwnTables& names);

enum class Made : std::uint8_t { kHere, kWasThere };
/// Makes the schema in one transaction. If two servers do this at the same time, one of them makes it.
/// Errors: those of a store; also kFailedPrecondition: a schema of that name has no mirror.
absl::StatusOr<Made> MakeOwnSchema(postgres::Connection& connection, const std::string& context_id,
                                   const PostgresOwnTables& names, std::int64_t epoch);

/// Does the same in the caller's transaction. The strings must live until the pipeline has run.
void QueueOwnSchema(postgres::Pipeline& pipeline, const std::string& context_id,
                    const PostgresOwnTables& names, std::int64_t epoch);

/// Returns "table" or "table.column" of one that somebody dropped; empty: all exist.
absl::StatusOr<std::string> FindLost(postgres::Connection& connection, const std::string& context_id,
                                     const PostgresOwnTables& names);

/// Checks that this program can work with that layout. Errors: kUnavailable, with a message for people.
absl::Status CheckLayout(std::int64_t layout_min, const std::string& program);

/// Checks that the mirror's own relations exist. Errors: kDataLoss, with the relation that somebody dropped.
absl::Status CheckOwnRelations(postgres::Connection& connection, const std::string& context_id,
                               const PostgresOwnTables& names);
/// Reads the tenant's row, which every mirror has. Errors: also kDataLoss: the row is missing.
absl::StatusOr<TenantRow> ReadTenantRow(postgres::Connection& connection, const PostgresOwnTables& names);
/// Does the same if no transaction has begun, in one round trip.
absl::StatusOr<TenantRow> ReadTenantRow(postgres::Connection& connection, const MirrorGuard& own,
                                        const PostgresOwnTables& names);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_OWN_SCHEMA_H_
