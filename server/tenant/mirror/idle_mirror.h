#ifndef MIRROR_SERVER_TENANT_MIRROR_IDLE_MIRROR_H_
#define MIRROR_SERVER_TENANT_MIRROR_IDLE_MIRROR_H_

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "server/store/home.h"
#include "server/tenant/mirror/mirror.h"

namespace mirror {

/// The mirrors whose stores keep statements and pages in memory, so that their next cycle is faster. A mirror
/// with small tables takes about 0.2 MB. Threads: any.
class WarmMirrors {
 public:
  static constexpr std::size_t kMax = 32;

  /// Adds a mirror. Called at the end of its cycle, under its lock. Above kMax, the mirror with the oldest
  /// last cycle releases its memory. If that mirror is in use, it is added again at the end of its cycle.
  void Use(const std::shared_ptr<Mirror>& mirror);

 private:
  Mutex mutex_;
  std::list<std::weak_ptr<Mirror>> by_use_ MIRROR_GUARDED_BY(mutex_);  ///< Least recently used first.
};

/// Moves data that a kill of the process left outside of the mirrors' files into these files, in a thread of
/// its own: for a thousand mirrors this takes seconds. The first call for a tenant does the same for the
/// tenant's mirror. That call also reports an error that occurred here. The destructor stops the thread after
/// the mirror in work.
class LogsLeft {
 public:
  /// `home` must outlive this object. If the system cannot start a thread, the constructor does all the work.
  LogsLeft(StoreHome& home, std::vector<std::shared_ptr<Mirror>> mirrors);

 private:
  std::jthread thread_;
};

/// Releases memory of the mirror's store, see StoreUpkeep::Rest(). False: the mirror is in use.
bool RestIfIdle(Mirror& mirror);
/// Runs `work`, unless the store is open or the mirror was deleted: another mirror may have the name by then.
/// Calls for the tenant wait until `work` is done.
void WhileClosed(Mirror& mirror, const std::function<void()>& work);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_IDLE_MIRROR_H_
