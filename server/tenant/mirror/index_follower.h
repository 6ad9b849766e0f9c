#ifndef MIRROR_SERVER_TENANT_MIRROR_INDEX_FOLLOWER_H_
#define MIRROR_SERVER_TENANT_MIRROR_INDEX_FOLLOWER_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/announce_plan.h"
#include "server/plan/index_plan.h"
#include "server/store/store.h"
#include "server/watch/events.h"

namespace mirror {

/// Keeps the mirror's own indexes as the source's are, where the configuration says so.
/// Threads: none; used under the tenant's lock.
class IndexFollower {
 public:
  using SteadyNow = std::chrono::steady_clock::time_point (*)();

  IndexFollower(const std::string& context_id, bool follows, SteadyNow steady_now, Events& events)
      : context_id_(context_id), follows_(follows), steady_now_(steady_now), events_(events) {}

  bool follows() const { return follows_; }
  /// The mirror's own indexes may be others than the source's.
  void SetDue() { due_ = true; }
  /// Between two cycles. What fails, or would take too long, is tried after the next one; no cycle fails for
  /// it. Errors: kDataLoss alone.
  absl::Status Follow(Store& store, std::int64_t now_ms);
  /// Of what cannot be right: once for the same words, and again after a restart.
  void TellWrong(const std::vector<AnnouncedTable>& tables);

 private:
  absl::StatusOr<std::vector<IndexChange>> ReadChanges(Store& store) const;
  void TellTrouble(std::string why);

  const std::string context_id_;
  const bool follows_;
  const SteadyNow steady_now_;
  Events& events_;
  bool due_ = true;
  std::string told_wrong_, told_trouble_;
};

/// All tables with what the source told of them. Errors: as Store.
absl::StatusOr<std::vector<FollowedTable>> ReadFollowed(Store& store);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_INDEX_FOLLOWER_H_
