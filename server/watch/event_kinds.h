#ifndef MIRROR_SERVER_WATCH_EVENT_KINDS_H_
#define MIRROR_SERVER_WATCH_EVENT_KINDS_H_

#include <string_view>

#include "absl/status/status.h"

namespace mirror {

/// Errors: kInvalidArgument when no event has a kind that `pattern` means ('*' stands for any characters); it
/// names those that there are. An empty pattern means all.
absl::Status CheckKindPattern(std::string_view pattern);

}  // namespace mirror

#endif  // MIRROR_SERVER_WATCH_EVENT_KINDS_H_
