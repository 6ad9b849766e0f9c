#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_PLACE_NODE_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_PLACE_NODE_H_

#include <cstdint>

#include "base/db/postgres/pool.h"
#include "server/store/intent.h"

// A place is one PostgreSQL server, or a Citus cluster: a coordinator and workers, each with the rows of some
// mirrors. Only this file decides which of them is asked for what.

namespace mirror {

enum class PlaceKind : std::uint8_t {
  kPlain,
  kCitus,  ///< Schema-based sharding: all tables of a mirror are at one node.
};

/// The target of a connection. In a plain place both values mean the same server.
enum class PlaceNode : std::uint8_t {
  /// Changes, locks and reads of definitions, and whole mirrors. Citus allows these only here; others, like
  /// ALTER … RENAME at a worker, would take effect everywhere without the coordinator's ordering.
  kCoordinator,
  /// Rows, and the mirror's own tables: at the node that has them access takes a fourth of the time, and a
  /// node that does not answer delays only its own mirrors.
  kRows,
};

/// Returns the node for a transaction. One that needs more than its intent says is begun again: see NodeRole.
inline PlaceNode NodeFor(const Intent& intent) {
  return intent.changes_tables ? PlaceNode::kCoordinator : PlaceNode::kRows;
}

/// The role of the connected server for a mirror.
struct NodeRole {
  /// Its Citus group id, which a failover does not change: 0 is the coordinator. -1: not Citus.
  std::int64_t group = -1;
  /// It has the mirror's rows: a restore changes its WAL timeline and its table's oid.
  bool has_rows = true;

  bool may_change_tables() const { return group <= 0; }
  /// Session settings do not reach the node with the rows: see kReachRowsSql.
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
