#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_NAMES_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_NAMES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "proto/wire/table.h"

// Names of a mirror and its objects in a PostgreSQL database.

namespace mirror {

/// "<contextId>_mirroring" has to fit the length limit of PostgreSQL's names.
inline constexpr std::size_t kPostgresContextIdMax = 53;
/// Column of a table with ANY columns: for each row, one byte per ANY column with the kind of its value.
inline constexpr char kKindsColumn[] = "_mirror_kinds";

/// "Mirror_<contextId>": the schema of a new mirror. A moved or set-aside mirror may have another name.
std::string SchemaOf(std::string_view context_id);
/// "<contextId>_mirroring".
std::string MetadataOf(std::string_view context_id);
/// Returns the name as it stands in SQL. Both parts were checked by CheckHoldable(), or are of this file.
std::string Qualified(std::string_view schema, std::string_view name);

// Names that the mirror assigns, each with a unique number: indexes and tables of a schema share one name
// space, and two names derived from table names could be equal.

/// The name of the key constraint of a mirrored table.
std::string KeyName(std::int64_t id);
std::string ShadowName(std::int64_t id);
/// The name of a set-aside table.
std::string DroppedName(std::int64_t id);
bool IsDroppedName(std::string_view name);
/// The name of the relation with closed versions of a table's rows.
std::string VersionsName(std::int64_t id);

/// A tenant's own tables, as they stand in SQL.
struct PostgresOwnTables {
  PostgresOwnTables(std::string_view context_id, std::string_view in_schema);

  std::string schema_name;  ///< Without quotes; the other names are quoted.
  std::string schema, metadata, tenant, definitions, state, receipts, hooks, documents, freshness;
  std::string journal, floor, commits, history;
};

/// Checks that a mirror with this contextId can be kept here. Errors: kInvalidArgument, for people.
absl::Status CheckContextFits(std::string_view context_id);
/// Checks that PostgreSQL can keep the table in the endpoint's form (`kept`: KeptForm). Errors:
/// kInvalidArgument, for people, naming what it cannot keep.
absl::Status CheckHoldable(const TableSchema& kept, const std::string& context_id);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_NAMES_H_
