#ifndef MIRROR_SERVER_HOOKS_DELIVERY_HOOK_PROGRAM_H_
#define MIRROR_SERVER_HOOKS_DELIVERY_HOOK_PROGRAM_H_

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/hooks/delivery/bounded_calls.h"
#include "server/hooks/hook_target.h"
#include "server/hooks/hooks.h"

namespace mirror {

/// Code of the program that runs the server within itself. It may hang: see BoundedCalls.
class ProgramHook final : public HookTarget {
 public:
  explicit ProgramHook(std::shared_ptr<MirrorHooks> hooks);

  absl::StatusOr<std::string> Deliver(const HookDelivery& delivery, std::chrono::milliseconds timeout,
                                      const std::stop_token& stop) override;

  /// A reason not to replicate; empty: none. Errors: those of BoundedCalls.
  absl::StatusOr<std::string> Authenticated(const HookCaller& caller, std::chrono::milliseconds timeout);
  absl::Status ResolveConnection(const HookCaller& caller, std::chrono::milliseconds timeout);

 private:
  const std::shared_ptr<MirrorHooks> hooks_;
  BoundedCalls deliveries_, questions_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HOOKS_DELIVERY_HOOK_PROGRAM_H_
