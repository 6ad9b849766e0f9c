#ifndef MIRROR_CLIENT_SOURCE_NEEDS_INSTALL_H_
#define MIRROR_CLIENT_SOURCE_NEEDS_INSTALL_H_

#include "absl/status/status.h"

namespace mirror {

/// Why a table's changes are not logged: 'mirror-agent install' mends it, and nothing else.
absl::Status NeedsInstall(absl::Status status);
bool IsNeedsInstall(const absl::Status& status);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_NEEDS_INSTALL_H_
