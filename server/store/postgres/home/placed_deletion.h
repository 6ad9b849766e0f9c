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

// Deletions of StoreHome. Several servers may delete one tenant at once, and make it anew afterwards. A
// decision holds only for the mirror that was read for it.

namespace mirror {

absl::Status BeginPlacedDeletion(PlacedMirrors& mirrors, const std::string& context_id, Deleted what,
                                 std::int64_t epoch);
absl::Status FinishPlacedDeletion(PlacedMirrors& mirrors, const std::string& context_id);
/// The same for a placement read any time before: a newer mirror that took its name stays as it is.
absl::Status FinishDeletionOf(PlacedMirrors& mirrors, Placement placement);

/// Checks that a mirror's schema can be dropped. Views, foreign keys and functions of partners that use its
/// tables, and other objects in it that are not ours, are never dropped with it. Errors: kFailedPrecondition,
/// naming these objects; kUnavailable.
absl::Status CheckRemovable(postgres::Connection& connection, const PostgresOwnTables& names);

/// Checks that only servers hold locks on its tables: a dump or a report would block the DROP for as long as
/// it runs. Errors: kUnavailable, naming the lock holders.
absl::Status CheckUnlocked(postgres::Connection& connection, const PostgresOwnTables& names);

/// Identifies the mirror to remove: another one may get the schema's name once a server has removed this one.
struct Removed {
  std::int64_t epoch_max = 0;  ///< Only a mirror of this epoch, or of an earlier one.
  bool also_served = true;     ///< False: only what a move left of it.
};

/// Fences the mirror before removal: other servers that have it open can no longer write. Waits for writes in
/// progress. A mirror that `which` does not match stays as it is. Errors: kUnavailable.
absl::Status FenceMirror(postgres::Connection& connection, const PostgresOwnTables& names,
                         const Removed& which, PlaceKind kind);

/// Drops the mirror and its tables, a few per transaction, because a database has room for a limited number
/// of locks. After an error the caller may call again; two servers may call it at once. OK if the mirror is
/// already gone, or another mirror has its name. Errors: those of CheckRemovable().
absl::Status RemoveSchema(postgres::Connection& connection, const PostgresOwnTables& names,
                          const Removed& which, PlaceKind kind);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HOME_PLACED_DELETION_H_
