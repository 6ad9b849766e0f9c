#ifndef MIRROR_SERVER_TENANT_MIRROR_HUB_CALLS_H_
#define MIRROR_SERVER_TENANT_MIRROR_HUB_CALLS_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/announce_plan.h"
#include "server/plan/plan.h"
#include "server/store/snapshot.h"
#include "server/tenant/mirror/feed_tables.h"
#include "server/tenant/mirror/mirror.h"
#include "server/tenant/mirror/mirror_feed.h"

namespace mirror {

/// Plans an announcement, and of a mirror that a hub reads notes which of its tables went, came back or are
/// others by now. Errors: those of the store.
absl::Status PlanWithFeed(Mirror& mirror, const AnnounceRequest& request, const AnnounceView& view,
                          AnnouncePlan* planned) MIRROR_REQUIRES(mirror.mutex());

/// Whether the configuration has a hub that reads the mirror.
bool IsOfHub(const Mirror& mirror);
/// An announcement forgets the notes that were taken before it. Keeps the one that says that the source keeps
/// notes of its cycles.
absl::Status KeepExchangeNote(Mirror& mirror, Plan* plan) MIRROR_REQUIRES(mirror.mutex());

/// A mirror of one moment, as a hub reads it.
struct HubReading {
  std::unique_ptr<Snapshot> snapshot;
  TenantRecord tenant;
  MirrorFeed feed;
  FeedTables tables = {};
};

/// The part of a reading that an acknowledgement needs. It holds no snapshot.
struct HubRead {
  MirrorFeed feed;
  FeedTables tables;
  std::int64_t completed_cycle = 0;
};

/// What a hub does with a tenant that is a member of it. Errors: as Mirror; kNotFound when there is no such
/// mirror. Threads: any.
class HubCalls {
 public:
  explicit HubCalls(Mirror& mirror) : mirror_(mirror) {}

  /// What is committed now. A journal that no hub has read gets its id, unless `writes` is false.
  absl::StatusOr<HubReading> OpenForHub(std::int64_t now_ms, bool writes = true);
  /// The hub has read up to `number`, by the commit that it calls `token`, and what `read.tables` tells.
  /// Nothing happens where the mirror is not the one that was read, or is an older one by now.
  absl::Status Acknowledge(const HubRead& read, std::int64_t number, const std::string& token,
                           std::int64_t now_ms);

 private:
  absl::Status Change(const MirrorFeed& feed, std::int64_t now_ms) MIRROR_REQUIRES(mirror_.mutex());

  Mirror& mirror_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_HUB_CALLS_H_
