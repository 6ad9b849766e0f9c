#include "server/hooks/delivery/hook_program.h"

#include <utility>

#include "base/status_macros.h"
#include "server/hooks/hook_note.h"

namespace mirror {
namespace {

/// More than deliver at a time, so that one that hangs leaves room for the next.
constexpr std::size_t kDeliveryThreads = 4;
constexpr std::size_t kQuestionThreads = 4;

}  // namespace

ProgramHook::ProgramHook(std::shared_ptr<MirrorHooks> hooks)
    : hooks_(std::move(hooks)), deliveries_(kDeliveryThreads), questions_(kQuestionThreads) {}

absl::StatusOr<std::string> ProgramHook::Deliver(const HookDelivery& delivery,
                                                 std::chrono::milliseconds timeout,
                                                 const std::stop_token& stop) {
  return deliveries_.Call(
      [hooks = hooks_, json = delivery.json]() -> absl::StatusOr<std::string> {
        RETURN_IF_ERROR(TellHooks(*hooks, json));
        return std::string();
      },
      timeout, stop);
}

absl::StatusOr<std::string> ProgramHook::Authenticated(const HookCaller& caller,
                                                       std::chrono::milliseconds timeout) {
  return questions_.Call(
      [hooks = hooks_, caller]() -> absl::StatusOr<std::string> {
        const std::optional<std::string> reason = hooks->Authenticated(caller);
        if (!reason) return std::string();
        return reason->empty() ? "this endpoint refused it" : *reason;
      },
      timeout, {});
}

absl::Status ProgramHook::ResolveConnection(const HookCaller& caller, std::chrono::milliseconds timeout) {
  return questions_
      .Call(
          [hooks = hooks_, caller]() -> absl::StatusOr<std::string> {
            RETURN_IF_ERROR(hooks->ResolveConnection(caller));
            return std::string();
          },
          timeout, {})
      .status();
}

}  // namespace mirror
