#include "base/crash_point.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <string_view>

namespace mirror {
namespace {

struct Target {
  std::string name;
  std::atomic<long> passes{0};
  int signal = SIGKILL;
};

Target* ReadTarget() {
  const char* const text = std::getenv("MIRROR_CRASH_AT");
  if (text == nullptr) return nullptr;
  static Target target;
  std::string_view whole(text);
  constexpr std::string_view kStops = ":stop";
  if (whole.size() > kStops.size() && whole.substr(whole.size() - kStops.size()) == kStops) {
    whole.remove_suffix(kStops.size());
    target.signal = SIGSTOP;
  }
  const std::size_t colon = whole.find(':');
  target.name = std::string(whole.substr(0, colon));
  target.passes =
      colon == std::string_view::npos ? 1 : std::atol(std::string(whole.substr(colon + 1)).c_str());
  return &target;
}

}  // namespace

void CrashPoint(const char* name) {
  static Target* const target = ReadTarget();
  if (target == nullptr || target->name != name) return;
  if (--target->passes == 0) kill(getpid(), target->signal);
}

}  // namespace mirror
