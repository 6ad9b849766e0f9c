#include "server/tenant/mirror/idle_mirror.h"

#include <stop_token>
#include <system_error>
#include <utility>

#include "base/crash_point.h"

namespace mirror {

void WarmMirrors::Use(const std::shared_ptr<Mirror>& mirror) {
  std::shared_ptr<Mirror> coldest;
  {
    const MutexLock lock(mutex_);
    by_use_.remove_if([&](const std::weak_ptr<Mirror>& one) {
      const std::shared_ptr<Mirror> known = one.lock();
      return known == nullptr || known == mirror;
    });
    by_use_.push_back(mirror);
    if (by_use_.size() <= kMax) return;
    coldest = by_use_.front().lock();
    by_use_.pop_front();
  }
  if (coldest != nullptr) (void)RestIfIdle(*coldest);
}

LogsLeft::LogsLeft(StoreHome& home, std::vector<std::shared_ptr<Mirror>> mirrors) {
  const auto take_in = [&home, all = std::move(mirrors)](const std::stop_token& stop) {
    for (const std::shared_ptr<Mirror>& mirror : all) {
      if (stop.stop_requested()) return;
      WhileClosed(*mirror, [&] {
        CrashPoint("start.tenant");
        // Closing the store empties its log.
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

bool RestIfIdle(Mirror& mirror) {
  if (!mirror.mutex().try_lock()) return false;
  const MutexLock lock(mirror.mutex(), std::adopt_lock);
  if (mirror.store() != nullptr) mirror.store()->upkeep().Rest();
  return true;
}

void WhileClosed(Mirror& mirror, const std::function<void()>& work) {
  const MutexLock lock(mirror.mutex());
  if (mirror.store() == nullptr && !mirror.file().retired) work();
}

}  // namespace mirror
