#ifndef MIRROR_SERVER_TENANT_ARRIVALS_H_
#define MIRROR_SERVER_TENANT_ARRIVALS_H_

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "base/mutex.h"

namespace mirror {

/// The copies of moves that are on their way into this process, by the ids of their moves. Whoever takes a
/// move back finds nothing of one yet, and tells it here: it must not be left behind by a move that is over.
/// A copy that comes later, for the same move, is another one. Threads: any.
class Arrivals {
 public:
  using IsUndone = std::shared_ptr<std::atomic<bool>>;

  /// On its way as long as the caller has it.
  IsUndone Begin(const std::string& id) {
    auto undone = std::make_shared<std::atomic<bool>>(false);
    const MutexLock lock(mutex_);
    std::erase_if(coming_, [](const auto& one) { return one.second.expired(); });
    coming_.emplace(id, undone);
    return undone;
  }
  /// Of those of that move that are on their way now.
  void Undo(const std::string& id) {
    const MutexLock lock(mutex_);
    for (auto [one, end] = coming_.equal_range(id); one != end; ++one) {
      if (const IsUndone undone = one->second.lock()) undone->store(true);
    }
  }

 private:
  Mutex mutex_;
  std::multimap<std::string, std::weak_ptr<std::atomic<bool>>> coming_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_ARRIVALS_H_
