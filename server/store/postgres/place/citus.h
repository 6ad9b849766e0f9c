#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_CITUS_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_CITUS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/store/postgres/place/place_node.h"

// Queries about Citus itself. They read Citus's tables and none of its views: the view citus_shards asks
// every node for sizes, so that one node that is down delays everything.

namespace mirror {

/// Returns additional settings for a session at the coordinator: new schemas are distributed, and SET LOCAL
/// is passed on to the workers.
postgres::Parameters CoordinatorSettings();

/// The first statements of a transaction at the coordinator. They set values that also apply at the node with
/// the rows. A plain SET does not reach that node, and set_config() does not either.
extern const std::array<const char*, 2> kReachRowsSql;

/// Checks that the database is a coordinator that can distribute schemas. Errors: kFailedPrecondition, with
/// everything that is missing and what a DBA has to type.
absl::Status CheckCoordinator(postgres::Connection& connection);

struct CitusNode {
  std::int64_t group = 0;
  std::string host;
  std::int64_t port = 0;
  bool operator==(const CitusNode&) const = default;
};

/// Finds the node that has a table's rows. `table`: the name as written in SQL. Asks the coordinator. Absent:
/// the table is missing or not distributed, or its node was removed.
absl::StatusOr<std::optional<CitusNode>> FindNode(postgres::Connection& coordinator,
                                                  const std::string& table);
/// SQL for such a table ($1). Returns its group id, as the node that runs the query knows it.
extern const char kGroupOfSql[];

/// SQL for a schema, written as in SQL ($1). Returns the bytes of its tables, whichever node has them.
const char* BytesOfSchemaSql(PlaceKind kind);

/// Returns `conninfo` with host and port of `node`, a node of the cluster.
absl::StatusOr<std::string> ConninfoAt(const std::string& conninfo, const CitusNode& node);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_CITUS_H_
