#ifndef MIRROR_SERVER_HUB_HUB_SCHEMA_H_
#define MIRROR_SERVER_HUB_HUB_SCHEMA_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "base/db/postgres/own_relations.h"
#include "server/hub/plan/hub_rules.h"
#include "server/own_records/own_table.h"

namespace mirror {

/// The place of a hub's tables, in SQL for HubSchema::Sql().
inline constexpr TableAt kHubAt = {Dialect::kPostgres, "@"};

/// The schema of a hub in the control database.
struct HubSchema {
  std::string name;  ///< "mirror_hub_<storage>", the storage in lower case. A long name is cut and gets a
                     ///< digest.
  std::string at;    ///< The prefix of table names in SQL: quoted, with the dot.

  explicit HubSchema(const std::string& storage);
  /// Returns `sql` with each @ replaced by `at`.
  std::string Sql(std::string_view sql) const;
  /// Returns the relations that this program creates in the schema.
  postgres::OwnRelations Own(const HubRules& rules) const;
};

/// Creates the schema and what it lacks: `_hub_*`, `golden_alias`, and for each entity the table
/// `golden_<entity>` (one row for each record: golden_id and its attributes, as text) and the view
/// `golden_<entity>_member` (the rows of each record). Runs within the caller's transaction. If several
/// servers call it at once, one of them creates it. Errors: kFailedPrecondition: a schema of this name has
/// other content or is of a later version, another role owns one of its names, or a name is too long for
/// PostgreSQL; the connection's.
absl::Status LayOutHub(postgres::Connection& connection, const HubSchema& schema, const HubRules& rules);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_HUB_SCHEMA_H_
