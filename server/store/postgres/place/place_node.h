#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_PLACE_NODE_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_PLACE_NODE_H_

#include <cstdint>

#include "base/db/postgres/pool.h"
#include "server/store/intent.h"

// A place is one PostgreSQL server, or a Citus cluster. A cluster has a coordinator and workers, and each has
// the rows of some mirrors. Only this file decides which node gets which calls.

namespace mirror {

enum class PlaceKind : std::uint8_t {
  kPlain,
  kCitus,  ///< Schema-based sharding: all tables of a mirror are at one node.
};

/// The node that a connection is for. In a plain place both values mean the same server.
enum class PlaceNode : std::uint8_t {
  /// For changes, locks and reads of definitions, and for whole mirrors. Citus allows them only here. Others,
  /// such as ALTER … RENAME at a worker, would have effect everywhere without the coordinator's ordering.
  kCoordinator,
  /// For rows, and for the mirror's own tables: at the node that has them. Access there takes a fourth of the
  /// time, and a node that does not answer delays only its own mirrors.
  kRows,
};

/// Returns the node for a transaction. A transaction that needs more than its intent says is begun again, see
/// NodeRole.
inline PlaceNode NodeFor(const Intent& intent) {
  return intent.changes_tables ? PlaceNode::kCoordinator : PlaceNode::kRows;
}

/// Role of the connected server for a mirror.
struct NodeRole {
  /// Its Citus group id, which a failover does not change. 0: the coordinator. -1: not Citus.
  std::int64_t group = -1;
  /// The server has the mirror's rows. If these are restored, their WAL timeline and the oid of their table
  /// change.
  bool has_rows = true;

  bool may_change_tables() const { return group <= 0; }
  /// Returns whether the rows are at another node, which session settings do not reach: see kReachRowsSql.
  bool passes_on() const { return group == 0; }
  bool operator==(const NodeRole&) const = default;
};

/// A connection to a node.
struct NodeLease {
  postgres::Lease lease;
  NodeRole role;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_PLACE_NODE_H_
