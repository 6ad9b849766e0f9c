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

// What is asked of Citus itself. Its tables are read, and none of its views: citus_shards asks every node for
// sizes, so that one which is down holds up all.

namespace mirror {

/// What a session at the coordinator has set besides: schemas that it makes are distributed, and SET LOCAL is
/// passed on.
postgres::Parameters CoordinatorSettings();

/// First in a transaction at the coordinator: what holds where the rows are, too. A plain SET does not reach
/// them, and neither does set_config().
extern const std::array<const char*, 2> kReachRowsSql;

/// Whether the database is a coordinator's that can distribute schemas. Errors: kFailedPrecondition, with all
/// that is missing and what a DBA types.
absl::Status CheckCoordinator(postgres::Connection& connection);

struct CitusNode {
  std::int64_t group = 0;
  std::string host;
  std::int64_t port = 0;
  bool operator==(const CitusNode&) const = default;
};

/// Of a table by its name as it stands in SQL, asked at the coordinator: the node that has its rows. Absent:
/// it is not there, or not distributed, or its node is given up.
absl::StatusOr<std::optional<CitusNode>> FindNode(postgres::Connection& coordinator,
                                                  const std::string& table);
/// $1: such a name; its group, as the node that is asked knows it.
extern const char kGroupOfSql[];

/// $1: a schema as it stands in SQL; the bytes of its tables, on whichever node.
const char* BytesOfSchemaSql(PlaceKind kind);

/// The conninfo of a node of the cluster: what it says, but for where.
absl::StatusOr<std::string> ConninfoAt(const std::string& conninfo, const CitusNode& node);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_CITUS_H_
