#ifndef MIRROR_SERVER_RPC_KEPT_ANNOUNCEMENTS_H_
#define MIRROR_SERVER_RPC_KEPT_ANNOUNCEMENTS_H_

#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "mirror/v1/mirror_client.pb.h"

namespace mirror {

/// The last announcement of each tenant, without its cycle: what a source names by its digest need not come
/// again. The tenants whose announcements were last are kept, within a bound; a restart forgets all.
/// Threads: any.
class KeptAnnouncements {
 public:
  struct Limits {
    std::size_t each_bytes = 1 << 20;  ///< In memory, some times what is sent. A larger one is not kept.
    std::size_t all_bytes = 32 << 20;
  };
  KeptAnnouncements() : KeptAnnouncements(Limits{}) {}
  explicit KeptAnnouncements(const Limits& limits) : limits_(limits) {}

  /// In the place of the tenant's one before.
  void Keep(const std::string& context_id, const std::string& sha256, v1::TableSchemaRequest announcement);
  /// Null: the tenant's last one is another, or is not kept.
  std::shared_ptr<const v1::TableSchemaRequest> Find(const std::string& context_id,
                                                     const std::string& sha256);

 private:
  struct Kept {
    std::string tenant;  ///< Folded.
    std::string sha256;
    std::size_t bytes = 0;
    std::shared_ptr<const v1::TableSchemaRequest> announcement;
  };
  using Place = std::list<Kept>::iterator;
  void Forget(const std::string& tenant) MIRROR_REQUIRES(mutex_);

  const Limits limits_;
  Mutex mutex_;
  std::list<Kept> kept_ MIRROR_GUARDED_BY(mutex_);  ///< The last one that was used first.
  std::map<std::string, Place> places_ MIRROR_GUARDED_BY(mutex_);
  std::size_t bytes_ MIRROR_GUARDED_BY(mutex_) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_KEPT_ANNOUNCEMENTS_H_
