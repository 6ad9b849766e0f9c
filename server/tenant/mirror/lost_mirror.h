#ifndef MIRROR_SERVER_TENANT_MIRROR_LOST_MIRROR_H_
#define MIRROR_SERVER_TENANT_MIRROR_LOST_MIRROR_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/tenant/mirror/mirror.h"

// A mirror that is not in its place any more: see kLostPayload and kForgottenPayload.

namespace mirror {

/// Whether a status of StoreHome::Open says that somebody took away what was served there.
bool IsTakenAway(const absl::Status& opened);
/// Of a mirror that somebody makes, moves or deletes just now: see kChangingPayload.
bool IsChanging(const absl::Status& status);
/// Whether that status is of a mirror that is lost, and may be made anew; the event is told once.
bool NoteLost(Mirror& mirror, const absl::Status& opened) MIRROR_REQUIRES(mirror.mutex());
/// Opens its file. A new one in the place of one that is lost stays its owner's, and paused, as far as that
/// is known.
absl::StatusOr<std::unique_ptr<Store>> OpenFile(Mirror& mirror, bool create) MIRROR_REQUIRES(mirror.mutex());
/// The home does not list it any more: where nobody deleted it, that is told. Waits for no lock.
void TellIfLost(Mirror& mirror) MIRROR_EXCLUDES(mirror.mutex());

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_LOST_MIRROR_H_
