#ifndef MIRROR_SERVER_TENANT_MIRROR_WARM_MIRRORS_H_
#define MIRROR_SERVER_TENANT_MIRROR_WARM_MIRRORS_H_

#include <cstddef>
#include <list>
#include <memory>

#include "base/mutex.h"
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

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_WARM_MIRRORS_H_
