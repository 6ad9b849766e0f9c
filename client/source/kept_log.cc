#include "client/source/kept_log.h"

namespace mirror {

absl::Status KeptLogSignal::Mark() {
  if (kept_.is_missing) return CannotFollow();
  if (kept_.keeper != nullptr) kept_.keeper->commits().TakeAll();
  return absl::OkStatus();
}

ChangeSignal::Heard KeptLogSignal::Wait(std::chrono::nanoseconds most, const std::stop_token& stop) {
  if (kept_.keeper == nullptr) return Heard::kLost;
  return kept_.keeper->commits().Wait(most, stop) ? Heard::kChange : Heard::kNothing;
}

}  // namespace mirror
