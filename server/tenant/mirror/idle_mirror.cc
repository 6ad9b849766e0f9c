#include "server/tenant/mirror/idle_mirror.h"

namespace mirror {

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
