#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_NAMES_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_NAMES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "proto/wire/table.h"

// What a mirror and its objects are called in a PostgreSQL database.

namespace mirror {

/// "<contextId>_mirroring" has to fit PostgreSQL's names.
inline constexpr std::size_t kPostgresContextIdMax = 53;
/// Of a table with ANY columns: for each row one byte for each of them, which says of what kind its value is.
inline constexpr char kKindsColumn[] = "_mirror_kinds";

/// "Mirror_<contextId>": the schema of a new mirror. A mirror that was moved or set aside has another one.
std::string SchemaOf(std::string_view context_id);
/// "<contextId>_mirroring".
std::string MetadataOf(std::string_view context_id);
/// As it stands in SQL. Both were checked: by CheckHoldable(), or they are of this file.
std::string Qualified(std::string_view schema, std::string_view name);

// Names that the mirror gives, each with a number of its own: indexes and tables of a schema share their
// names, and two that are made from names of tables may meet.

/// The constraint of a mirrored table's key.
std::string KeyName(std::int64_t id);
std::string ShadowName(std::int64_t id);
/// A table that was set aside.
std::string DroppedName(std::int64_t id);
bool IsDroppedName(std::string_view name);
/// What holds closed versions of a table's rows.
std::string VersionsName(std::int64_t id);

/// A tenant's own tables, as they stand in SQL.
struct PostgresOwnTables {
  PostgresOwnTables(std::string_view context_id, std::string_view in_schema);

  std::string schema_name;  ///< Without quotes; the others have them.
  std::string schema, metadata, tenant, definitions, state, receipts, hooks, documents, freshness;
  std::string journal, floor, commits, history;
};

/// Whether a mirror with this contextId can be kept here. Errors: kInvalidArgument, for people.
absl::Status CheckContextFits(std::string_view context_id);
/// Whether PostgreSQL can keep the table as the endpoint would (`kept`: KeptForm). Errors: kInvalidArgument,
/// for people, naming what cannot be.
absl::Status CheckHoldable(const TableSchema& kept, const std::string& context_id);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_NAMES_H_
