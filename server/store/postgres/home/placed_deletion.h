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

// StoreHome's deletions. Several servers may delete one tenant at once, and make it anew behind that: what
// one of them has read decides of that mirror alone.

namespace mirror {

absl::Status BeginPlacedDeletion(PlacedMirrors& mirrors, const std::string& context_id, Deleted what,
                                 std::int64_t epoch);
absl::Status FinishPlacedDeletion(PlacedMirrors& mirrors, const std::string& context_id);
/// The same of what was read before, however long ago: a mirror that has taken its name since stays as it is.
absl::Status FinishDeletionOf(PlacedMirrors& mirrors, Placement placement);

/// Whether the schema of a mirror can be dropped: views, foreign keys and functions of partners that use its
/// tables, and what else others put into it, are never dropped with it. Errors: kFailedPrecondition, naming
/// them; kUnavailable.
absl::Status CheckRemovable(postgres::Connection& connection, const PostgresOwnTables& names);

/// Whether nobody but servers has a lock on its tables: a dump or a report would keep them from being dropped
/// for as long as it lasts. Errors: kUnavailable, naming who has.
absl::Status CheckUnlocked(postgres::Connection& connection, const PostgresOwnTables& names);

/// Which mirror is to go: another one may come by the schema's name as soon as another server has removed it.
struct Removed {
  std::int64_t epoch_max = 0;  ///< It is of this epoch, or of an earlier one.
  bool also_served = true;     ///< Else only what a move left of it.
};

/// Before that: whoever has it open on another server finds that nothing is written there any more. Waits for
/// what is being written. A mirror that is not to go stays as it is. Errors: kUnavailable.
absl::Status FenceMirror(postgres::Connection& connection, const PostgresOwnTables& names,
                         const Removed& which, PlaceKind kind);

/// Drops it with its tables, a few at a time, each time in a transaction of its own: a database has room for
/// so many locks. After an error it can be called again, and two servers may do it at once. One that is not
/// there, or has given its name to another one, is removed. Errors: those of CheckRemovable().
absl::Status RemoveSchema(postgres::Connection& connection, const PostgresOwnTables& names,
                          const Removed& which, PlaceKind kind);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HOME_PLACED_DELETION_H_
