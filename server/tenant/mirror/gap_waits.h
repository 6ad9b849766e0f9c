#ifndef MIRROR_SERVER_TENANT_MIRROR_GAP_WAITS_H_
#define MIRROR_SERVER_TENANT_MIRROR_GAP_WAITS_H_

#include <chrono>
#include <cstdint>
#include <list>
#include <set>
#include <string>

#include "base/mutex.h"

namespace mirror {

/// Wakes calls that wait for an earlier batch of their table. Tables are named by FoldName(). Threads: any.
class GapWaits {
 public:
  /// Counts what was told so far. A caller reads it when it finds the gap, under the tenant's lock.
  std::uint64_t changes();
  /// Batches of `tables` were applied or refused.
  void Tell(const std::set<std::string>& tables);
  /// The cycle began or ended, or the mirror was closed: every call looks again.
  void TellAll();
  /// Waits until something is told that concerns `tables`, or until `time`. Returns at once when anything was
  /// told since changes() gave `seen`.
  void WaitUntil(const std::set<std::string>& tables, std::uint64_t seen,
                 std::chrono::steady_clock::time_point time);

 private:
  struct Waiting {
    const std::set<std::string>& tables;
    bool told = false;
    CondVar woken;
  };
  static void Wake(Waiting& waiting) {
    waiting.told = true;
    waiting.woken.NotifyOne();
  }

  Mutex mutex_;  ///< Taken after the tenant's.
  std::uint64_t changes_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::list<Waiting*> waiting_ MIRROR_GUARDED_BY(mutex_);  ///< Of the threads in WaitUntil().
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_GAP_WAITS_H_
