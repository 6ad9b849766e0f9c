#ifndef MIRROR_CLIENT_SOURCE_SOURCE_AWAY_H_
#define MIRROR_CLIENT_SOURCE_SOURCE_AWAY_H_

#include <string>

#include "absl/status/status.h"

namespace mirror {

/// Of a source that was not reached: the same error, with what that leaves and what to do.
absl::Status SourceAway(const absl::Status& status);

/// The same error with other words: what the code of its kind knows of it stays.
absl::Status WithWords(const absl::Status& status, const std::string& words);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SOURCE_AWAY_H_
