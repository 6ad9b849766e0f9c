#ifndef MIRROR_SERVER_HOOKS_HOOK_TARGET_H_
#define MIRROR_SERVER_HOOKS_HOOK_TARGET_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"

namespace mirror {

/// Of what a hook prints or answers; the rest is read and thrown away.
inline constexpr std::size_t kHookOutputBytesMax = 64 * 1024;

/// One thing that a hook is told.
struct HookDelivery {
  std::string context_id;  ///< Empty: an event of the server itself.
  std::string event;       ///< "completed".
  std::int64_t cycle = 0;
  std::string json;
};

/// Where a hook's deliveries go.
class HookTarget {
 public:
  virtual ~HookTarget() = default;
  /// Returns within about `timeout`, and soon after a stop: whatever was begun is ended then. Gives what was
  /// answered. Errors: what went wrong, in words without the answer, an address or a token.
  /// Threads: any, several at a time.
  virtual absl::StatusOr<std::string> Deliver(const HookDelivery& delivery, std::chrono::milliseconds timeout,
                                              const std::stop_token& stop) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HOOKS_HOOK_TARGET_H_
