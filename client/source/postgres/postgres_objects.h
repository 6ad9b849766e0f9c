#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_OBJECTS_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_OBJECTS_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "proto/wire/source_objects.h"
#include "proto/wire/table.h"

namespace mirror {

/// Indexes and foreign keys of the tables with these oids, which are in `schema`. An index whose collation
/// takes no two texts for equal is told as a binary one: it finds the same rows, in another order.
absl::StatusOr<std::map<std::uint32_t, SourceObjects>> ReadPostgresObjects(
    postgres::Connection& connection, const std::string& schema,
    const std::map<std::uint32_t, const TableSchema*>& tables);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_OBJECTS_H_
