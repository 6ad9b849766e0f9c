#ifndef MIRROR_SERVER_HOOKS_HOOK_TARGET_H_
#define MIRROR_SERVER_HOOKS_HOOK_TARGET_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"

namespace mirror {

/// Maximum bytes of a hook's output or answer that are kept. The rest is read and discarded.
inline constexpr std::size_t kHookOutputBytesMax = 64 * 1024;

/// One notification for a hook.
struct HookDelivery {
  std::string context_id;  ///< Empty: an event of the server itself.
  std::string event;       ///< For example "completed".
  std::int64_t cycle = 0;
  std::string json;
};

/// The destination of a hook's deliveries.
class HookTarget {
 public:
  virtual ~HookTarget() = default;
  /// Delivers, and returns the answer, within about `timeout` and soon after `stop`. Both also end everything
  /// that was started. Errors: the description of the failure contains no answer, no address and no token.
  /// Threads: any, several at a time.
  virtual absl::StatusOr<std::string> Deliver(const HookDelivery& delivery, std::chrono::milliseconds timeout,
                                              const std::stop_token& stop) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HOOKS_HOOK_TARGET_H_
