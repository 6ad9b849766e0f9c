#ifndef MIRROR_SERVER_TENANT_MIRROR_LOST_MIRROR_H_
#define MIRROR_SERVER_TENANT_MIRROR_LOST_MIRROR_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/tenant/mirror/mirror.h"

// A mirror that no longer exists at its place: see kLostPayload and kForgottenPayload.

namespace mirror {

/// Returns whether `opened`, a status of StoreHome::Open(), says that somebody removed the mirror while it
/// was served.
bool IsTakenAway(const absl::Status& opened);
/// Returns whether somebody is creating, moving or deleting the mirror right now: see kChangingPayload.
bool IsChanging(const absl::Status& status);
/// Returns whether `opened` says that the mirror is lost and may be created anew; adds one event for it.
bool NoteLost(Mirror& mirror, const absl::Status& opened) MIRROR_REQUIRES(mirror.mutex());
/// Opens the mirror's file. A new mirror that replaces a lost one gets the lost one's owner and pause, as far
/// as they are known.
absl::StatusOr<std::unique_ptr<Store>> OpenFile(Mirror& mirror, bool create) MIRROR_REQUIRES(mirror.mutex());
/// Adds an event if the home does not list the mirror any more, unless the mirror was deleted. Waits for no
/// lock.
void TellIfLost(Mirror& mirror) MIRROR_EXCLUDES(mirror.mutex());

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_LOST_MIRROR_H_
