#ifndef MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_OBJECTS_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_OBJECTS_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/db/mariadb/connection.h"
#include "client/source/mariadb/mariadb_catalog.h"
#include "proto/wire/source_objects.h"
#include "proto/wire/table.h"

namespace mirror {

/// Indexes and foreign keys of these tables, by name. A text index counts as that of a mirror where its
/// collation compares by bytes. What a foreign key does stands in no catalog that SELECT lets one see, but in
/// the table's own definition.
absl::StatusOr<std::map<std::string, SourceObjects>> ReadMariadbObjects(
    mariadb::Connection& connection, const std::map<std::string, const TableSchema*>& tables,
    const std::map<std::string, const MariadbTable*>& catalog);

/// What happens to a foreign key's rows: as the line of a table's definition ends that begins with the
/// foreign key's name.
struct MariadbForeignKeyActions {
  ForeignKeyAction on_delete = ForeignKeyAction::kNoAction;
  ForeignKeyAction on_update = ForeignKeyAction::kNoAction;
};
MariadbForeignKeyActions ReadMariadbActions(std::string_view create_table, const std::string& constraint);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_OBJECTS_H_
