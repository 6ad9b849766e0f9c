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

/// Maximum length of a context id, because "<contextId>_mirroring" has to fit the limit of PostgreSQL's
/// names.
inline constexpr std::size_t kPostgresContextIdMax = 53;
/// Column of a table with ANY columns. In each row it has one byte for each ANY column: the kind of its
/// value.
inline constexpr char kKindsColumn[] = "_mirror_kinds";

/// Returns "Mirror_<contextId>", the schema of a new mirror. A mirror that was moved or set aside may have
/// another name.
std::string SchemaOf(std::string_view context_id);
/// Returns "<contextId>_mirroring".
std::string MetadataOf(std::string_view context_id);
/// Returns the name as written in SQL. The caller has checked both parts by CheckHoldable(), or they are
/// names of this file.
std::string Qualified(std::string_view schema, std::string_view name);

// Names that the mirror makes, each with a unique number. Indexes and tables of a schema share one name
// space, and two names that are made from table names could be equal.

/// Returns the name of the key constraint of a mirrored table.
std::string KeyName(std::int64_t id);
std::string ShadowName(std::int64_t id);
/// Returns the name of a table that was set aside.
std::string DroppedName(std::int64_t id);
bool IsDroppedName(std::string_view name);
/// Returns the name of the relation with the closed versions of a table's rows.
std::string VersionsName(std::int64_t id);

/// A tenant's own tables, with names as written in SQL.
struct PostgresOwnTables {
  PostgresOwnTables(std::string_view context_id, std::string_view in_schema);

  std::string schema_name;  ///< Without quotes; the other names are quoted.
  std::string schema, metadata, tenant, definitions, state, receipts, hooks, documents, freshness;
  std::string journal, floor, commits, history;
};

/// Checks that a mirror with this contextId can be kept here. Errors: kInvalidArgument, with a message for
/// people.
absl::Status CheckContextFits(std::string_view context_id);
/// Checks that PostgreSQL can store the table. `kept`: its kept form, see KeptForm. Errors: kInvalidArgument,
/// with a message for people that says what PostgreSQL cannot store.
absl::Status CheckHoldable(const TableSchema& kept, const std::string& context_id);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_NAMES_H_
