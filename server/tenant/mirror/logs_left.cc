#include "server/tenant/mirror/logs_left.h"

#include <stop_token>
#include <system_error>
#include <utility>

#include "base/crash_point.h"
#include "server/tenant/mirror/idle_mirror.h"

namespace mirror {

LogsLeft::LogsLeft(StoreHome& home, std::vector<std::shared_ptr<Mirror>> mirrors) {
  const auto take_in = [&home, all = std::move(mirrors)](const std::stop_token& stop) {
    for (const std::shared_ptr<Mirror>& mirror : all) {
      if (stop.stop_requested()) return;
      WhileClosed(*mirror, [&] {
        CrashPoint("start.tenant");
        // Closing it empties its log.
        home.Open(mirror->context_id(), /*create=*/false, {}).status().IgnoreError();
      });
    }
  };
  try {
    thread_ = std::jthread(take_in);
  } catch (const std::system_error&) {
    take_in(std::stop_token());
  }
}

}  // namespace mirror
