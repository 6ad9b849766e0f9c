#include "server/tenant/mirror/warm_mirrors.h"

#include "server/tenant/mirror/idle_mirror.h"

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

}  // namespace mirror
