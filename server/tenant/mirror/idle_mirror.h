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

/// The mirrors whose stores keep statements and pages, so that their next cycle is quicker: about 0.2 MB
/// each, with small tables. Threads: any.
class WarmMirrors {
 public:
  static constexpr std::size_t kMax = 32;

  /// At the end of a cycle of it, under its lock. The one of more than kMax whose last cycle is longest ago
  /// rests; one that is in use comes back at the end of its cycle.
  void Use(const std::shared_ptr<Mirror>& mirror);

 private:
  Mutex mutex_;
  std::list<std::weak_ptr<Mirror>> by_use_ MIRROR_GUARDED_BY(mutex_);  ///< Longest ago first.
};

/// Takes what a kill left outside of mirrors' files into these, in a thread of its own: a thousand of them
/// take seconds, and the first call for a tenant does it for its own. What keeps one from that is met again,
/// and told, by that call. Ended with this, between two mirrors.
class LogsLeft {
 public:
  /// `home` outlives it. Where the system gives no thread, all is done when it returns.
  LogsLeft(StoreHome& home, std::vector<std::shared_ptr<Mirror>> mirrors);

 private:
  std::jthread thread_;
};

/// See StoreUpkeep::Rest(). False: it is in use.
bool RestIfIdle(Mirror& mirror);
/// Unless its store is open, or it was deleted: what has its name by then is another one's. Calls for the
/// tenant wait for it.
void WhileClosed(Mirror& mirror, const std::function<void()>& work);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_IDLE_MIRROR_H_
