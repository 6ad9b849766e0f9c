#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_OWN_SCHEMA_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_OWN_SCHEMA_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "base/db/postgres/pipeline.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/place/schema_layout.h"

// The schema of a mirror, with the tables that it keeps for itself, and their layout.

namespace mirror {

/// What this program writes. A mirror of an earlier layout is brought to it when it is opened; one of a later
/// is opened as long as its `layout_min` is no greater: until then layouts differ by additions.
/// Since layout 2 a mirror has all of its own tables from the beginning: a name that is free in its schema
/// can be taken by another role that may make relations there.
inline constexpr std::int64_t kPostgresLayout = 2;
/// The oldest layout whose servers can go on beside this one.
inline constexpr std::int64_t kPostgresLayoutMin = 1;
/// What leads there. tests/data/old has schemas of former versions, which a test raises and compares with new
/// ones.
SchemaLayout MirrorLayout(const PostgresOwnTables& names, const MirrorGuard* own = nullptr);

/// What is said of a schema that has the name of a tenant's and is none: kFailedPrecondition.
absl::Status NotTheMirrorOf(const std::string& context_id, const PostgresOwnTables& names);

enum class Made : std::uint8_t { kHere, kWasThere };
/// In one transaction of its own; of two servers that do it at once, one makes it. Errors: as a store's;
/// kFailedPrecondition, too: a schema of that name holds no mirror.
absl::StatusOr<Made> MakeOwnSchema(postgres::Connection& connection, const std::string& context_id,
                                   const PostgresOwnTables& names, std::int64_t epoch);

/// The same within a transaction of the caller's. The strings live until the pipeline has run.
void QueueOwnSchema(postgres::Pipeline& pipeline, const std::string& context_id,
                    const PostgresOwnTables& names, std::int64_t epoch);

/// "table" or "table.column" of what somebody dropped since; empty: all is there.
absl::StatusOr<std::string> FindLost(postgres::Connection& connection, const std::string& context_id,
                                     const PostgresOwnTables& names);

/// Whether this program can work with what has that layout. Errors: kUnavailable, for people.
absl::Status CheckLayout(std::int64_t layout_min, const std::string& program);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_OWN_SCHEMA_H_
