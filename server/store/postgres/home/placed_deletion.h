#ifndef MIRROR_SERVER_STORE_POSTGRES_HOME_PLACED_DELETION_H_
#define MIRROR_SERVER_STORE_POSTGRES_HOME_PLACED_DELETION_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "server/store/home.h"
#include "server/store/postgres/home/placed_mirrors.h"

// StoreHome's deletions. Several servers may delete one tenant at once, and make it anew behind that: what
// one of them has read decides of that mirror alone.

namespace mirror {

absl::Status BeginPlacedDeletion(PlacedMirrors& mirrors, const std::string& context_id, Deleted what,
                                 std::int64_t epoch);
absl::Status FinishPlacedDeletion(PlacedMirrors& mirrors, const std::string& context_id);
/// The same of what was read before, however long ago: a mirror that has taken its name since stays as it is.
absl::Status FinishDeletionOf(PlacedMirrors& mirrors, Placement placement);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HOME_PLACED_DELETION_H_
