#ifndef MIRROR_SERVER_SOURCE_KEPT_ANNOUNCEMENTS_H_
#define MIRROR_SERVER_SOURCE_KEPT_ANNOUNCEMENTS_H_

#include <chrono>
#include <cstddef>
#include <list>
#include <map>
#include <optional>
#include <string>

#include "base/mutex.h"

namespace mirror {

/// The last announcement of each tenant that came here, without its cycle: what a source names by its digest
/// need not come again. Those of the tenants that used it last are kept, within a bound, for an hour: then
/// the source says it again, and with that call is done what takes longer. A restart forgets all. Threads:
/// any.
class KeptAnnouncements {
 public:
  struct Limits {
    std::size_t each_bytes = 512 << 10;  ///< As it is sent. A larger one is not kept.
    std::size_t all_bytes = 32 << 20;
    std::chrono::seconds longest = std::chrono::hours(1);
  };
  using Time = std::chrono::steady_clock::time_point;
  KeptAnnouncements() : KeptAnnouncements(Limits{}) {}
  explicit KeptAnnouncements(const Limits& limits) : limits_(limits) {}

  /// In the place of the tenant's one before. `announcement`: serialized.
  void Keep(const std::string& context_id, const std::string& sha256, std::string announcement, Time now);
  void Forget(const std::string& context_id);
  /// Absent: the tenant's last one is another, or is not kept.
  std::optional<std::string> Find(const std::string& context_id, const std::string& sha256, Time now);

 private:
  struct Kept {
    std::string tenant;  ///< Folded.
    std::string sha256;
    std::string announcement;
    Time since;
    std::size_t bytes() const;
  };
  using Place = std::list<Kept>::iterator;
  void Remove(const std::string& tenant) MIRROR_REQUIRES(mutex_);

  const Limits limits_;
  Mutex mutex_;
  std::list<Kept> kept_ MIRROR_GUARDED_BY(mutex_);  ///< The last one that was used first.
  std::map<std::string, Place> places_ MIRROR_GUARDED_BY(mutex_);
  std::size_t bytes_ MIRROR_GUARDED_BY(mutex_) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_SOURCE_KEPT_ANNOUNCEMENTS_H_
