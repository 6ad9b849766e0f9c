#ifndef MIRROR_SERVER_TENANT_IDLE_LOOK_H_
#define MIRROR_SERVER_TENANT_IDLE_LOOK_H_

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clocks/shared_clock.h"
#include "base/mutex.h"
#include "server/store/home.h"

namespace mirror {

/// Looks in the mirrors themselves, now and then, which cycles are idle: a server may die before another one
/// hears that it began one. Threads: any.
class IdleLook {
 public:
  /// Empty, too, where it was looked for lately.
  std::set<std::string> Find(StoreHome& home, std::int64_t idle_ms) MIRROR_EXCLUDES(mutex_) {
    if (!home.IsShared()) return {};
    {
      const auto now = std::chrono::steady_clock::now();
      const MutexLock lock(mutex_);
      if (now - looked_ < kAgain) return {};
      looked_ = now;
    }
    const absl::StatusOr<std::vector<std::string>> idle = home.FindIdle(SharedNowMs() - idle_ms);
    if (!idle.ok()) return {};
    return {idle->begin(), idle->end()};
  }

 private:
  /// Each mirror is asked.
  static constexpr std::chrono::seconds kAgain{60};

  Mutex mutex_;
  std::chrono::steady_clock::time_point looked_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_IDLE_LOOK_H_
