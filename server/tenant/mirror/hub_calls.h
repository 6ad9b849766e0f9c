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

/// Plans an announcement. For a mirror that a hub reads, also notes which of its
/// tables disappeared, returned or were replaced. Errors: those of the store.
absl::Status PlanWithFeed(Mirror& mirror, const AnnounceRequest& request, const AnnounceView& view,
                          AnnouncePlan* planned) MIRROR_REQUIRES(mirror.mutex());

/// Returns whether the configuration has a hub that reads the mirror.
bool IsOfHub(const Mirror& mirror);
/// An announcement deletes the cycle notes that were taken before it. Keeps one of them, kExchange, which
/// means that the source itself records its cycles.
absl::Status KeepExchangeNote(Mirror& mirror, Plan* plan) MIRROR_REQUIRES(mirror.mutex());

/// One state of a mirror, as a hub reads it.
struct HubReading {
  std::unique_ptr<Snapshot> snapshot;
  TenantRecord tenant;
  MirrorFeed feed;
  FeedTables tables = {};
};

/// The part of a HubReading that an acknowledgement needs. It holds no snapshot.
struct HubRead {
  MirrorFeed feed;
  FeedTables tables;
  std::int64_t completed_cycle = 0;
};

/// Calls of a hub on a tenant that is its member. Errors: as Mirror; kNotFound: the mirror does not exist.
/// Threads: any.
class HubCalls {
 public:
  explicit HubCalls(Mirror& mirror) : mirror_(mirror) {}

  /// Opens the committed state. If no hub has read the journal yet, gives it an id, unless `writes` is false.
  absl::StatusOr<HubReading> OpenForHub(std::int64_t now_ms, bool writes = true);
  /// Records that the hub has read the journal up to `number`, in its commit `token`, and has read
  /// `read.tables`. Does nothing if the mirror is not the one that was read, or was replaced by an older
  /// state.
  absl::Status Acknowledge(const HubRead& read, std::int64_t number, const std::string& token,
                           std::int64_t now_ms);

 private:
  absl::Status Change(const MirrorFeed& feed, std::int64_t now_ms) MIRROR_REQUIRES(mirror_.mutex());

  Mirror& mirror_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_HUB_CALLS_H_
