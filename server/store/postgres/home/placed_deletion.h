#ifndef MIRROR_SERVER_STORE_POSTGRES_HOME_PLACED_DELETION_H_
#define MIRROR_SERVER_STORE_POSTGRES_HOME_PLACED_DELETION_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "base/db/postgres/connection.h"
#include "server/store/home.h"
#include "server/store/postgres/home/placed_mirrors.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/place/place_node.h"

// Deletions of StoreHome. Several servers may delete one tenant at the same time, and make it anew
// afterwards. A decision is valid only for the mirror that was read for it.

namespace mirror {

absl::Status BeginPlacedDeletion(PlacedMirrors& mirrors, const std::string& context_id, Deleted what,
                                 std::int64_t epoch);
absl::Status FinishPlacedDeletion(PlacedMirrors& mirrors, const std::string& context_id);
/// Does the same for a placement that was read before. If a newer mirror took over the name meanwhile, leaves
/// it unchanged.
absl::Status FinishDeletionOf(PlacedMirrors& mirrors, Placement placement);

/// Checks that a mirror's schema can be dropped. Partners may have views, foreign keys and functions that use
/// its tables, and other objects in the schema. These are never dropped with it. Errors: kFailedPrecondition,
/// with the names of these objects; kUnavailable.
absl::Status CheckRemovable(postgres::Connection& connection, const PostgresOwnTables& names);

/// Checks that only servers hold locks on the mirror's tables. A dump or a report would block the DROP as
/// long as it runs. Errors: kUnavailable, with the names of the lock holders.
absl::Status CheckUnlocked(postgres::Connection& connection, const PostgresOwnTables& names);

/// Identifies the mirror to remove. Once a server has removed it, another mirror may get the name of its
/// schema.
struct Removed {
  std::int64_t epoch_max = 0;  ///< Removes only a mirror of this epoch or an earlier one.
  bool also_served = true;     ///< False: removes only what a move left of it.
};

/// Fences the mirror before its removal: servers that have it open can no longer write to it. Waits for
/// running writes. Leaves a mirror unchanged that does not match `which`. Errors: kUnavailable.
absl::Status FenceMirror(postgres::Connection& connection, const PostgresOwnTables& names,
                         const Removed& which, PlaceKind kind);

/// Drops the mirror and its tables, a few in each transaction, because a database has room for a limited
/// number of locks. After an error the call may be repeated. Two servers may call at the same time. OK if the
/// mirror no longer exists, or another mirror has its name. Errors: those of CheckRemovable().
absl::Status RemoveSchema(postgres::Connection& connection, const PostgresOwnTables& names,
                          const Removed& which, PlaceKind kind);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HOME_PLACED_DELETION_H_
