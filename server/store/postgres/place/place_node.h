#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_PLACE_NODE_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_PLACE_NODE_H_

#include <cstdint>

#include "base/db/postgres/pool.h"
#include "server/store/intent.h"

// A place is one PostgreSQL, or a Citus cluster: a coordinator and workers, each of which has the rows of
// some mirrors. What is asked of which of them is decided here, and nowhere else.

namespace mirror {

enum class PlaceKind : std::uint8_t {
  kPlain,
  kCitus,  ///< With schema-based sharding: all tables of a mirror stand at one node.
};

/// Where a connection is to lead. In a plain place both are one.
enum class PlaceNode : std::uint8_t {
  /// Whatever changes, locks or looks at definitions, and whole mirrors: Citus takes that here alone, or, as
  /// ALTER … RENAME at a worker, has it take effect everywhere without the order that the coordinator keeps.
  kCoordinator,
  /// Rows, and what the mirror keeps for itself: at the node that has them it takes a fourth of the time, and
  /// one that does not answer holds up its own mirrors alone.
  kRows,
};

/// Of a transaction. One that turns out to need more than it said is begun again: see NodeRole.
inline PlaceNode NodeFor(const Intent& intent) {
  return intent.changes_tables ? PlaceNode::kCoordinator : PlaceNode::kRows;
}

/// What the server at the other end of a connection is to a mirror.
struct NodeRole {
  /// Its number in Citus, which stays when a standby takes over: 0 is the coordinator. -1: no Citus there.
  std::int64_t group = -1;
  /// The mirror's rows stand there: its log and its table's oid are those that a restore changes.
  bool has_rows = true;

  bool may_change_tables() const { return group <= 0; }
  /// What a session is set to does not reach where the rows are: see ReachRowsSql().
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
