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

std::optional<std::chrono::steady_clock::time_point> KeptLogSignal::QuietAt(const std::stop_token& stop) {
  if (kept_.keeper == nullptr || !kept_.keeper->commits().HasNothing()) return std::nullopt;
  const auto begun = kept_.keeper->ReadToEnd(stop);
  // Commits that the log had at the begin are known now.
  return kept_.keeper->commits().HasNothing() ? begun : std::nullopt;
}

}  // namespace mirror
