#ifndef MIRROR_SERVER_STORE_CATALOG_HOOK_CURSOR_H_
#define MIRROR_SERVER_STORE_CATALOG_HOOK_CURSOR_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mirror {

/// How far each hook has been told of events: the id of the last one, in the catalog.
/// Errors: kUnavailable. Threads: any.
class HookCursor {
 public:
  virtual ~HookCursor() = default;
  /// Of a hook that is new: the last event that there is. It hears of those that follow.
  virtual absl::StatusOr<std::uint64_t> Read(const std::string& hook) = 0;
  virtual absl::Status Write(const std::string& hook, std::uint64_t event_id) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_CATALOG_HOOK_CURSOR_H_
