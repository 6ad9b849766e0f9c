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
// every node for sizes, so one node that is down delays everything.

namespace mirror {

/// Extra settings of a session at the coordinator: new schemas are distributed, and SET LOCAL is passed on to
/// the workers.
postgres::Parameters CoordinatorSettings();

/// The first statements of a transaction at the coordinator: settings that also apply where the rows are. A
/// plain SET does not reach those nodes, and neither does set_config().
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

/// Finds the node that has a table's rows. `table`: as it stands in SQL. Asks the coordinator. Absent: the
/// table is missing or not distributed, or its node was removed.
absl::StatusOr<std::optional<CitusNode>> FindNode(postgres::Connection& coordinator,
                                                  const std::string& table);
/// $1: such a table; returns its group id, as the node that is asked knows it.
extern const char kGroupOfSql[];

/// $1: a schema as it stands in SQL; returns the bytes of its tables, on whichever node they are.
const char* BytesOfSchemaSql(PlaceKind kind);

/// Returns `conninfo` with host and port of a node of the cluster.
absl::StatusOr<std::string> ConninfoAt(const std::string& conninfo, const CitusNode& node);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_CITUS_H_
