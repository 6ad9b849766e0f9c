#ifndef MIRROR_SERVER_TENANT_MIRROR_INDEX_FOLLOWER_H_
#define MIRROR_SERVER_TENANT_MIRROR_INDEX_FOLLOWER_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/announce_plan.h"
#include "server/plan/index_plan.h"
#include "server/store/store.h"
#include "server/tenant/mirror/index_book.h"
#include "server/watch/events.h"

namespace mirror {

/// Maintains the indexes that the mirror itself made: the configured ones, and those of the source if the
/// configuration says so. Threads: none; used under the tenant's lock.
class IndexFollower {
 public:
  using SteadyNow = std::chrono::steady_clock::time_point (*)();

  /// `book` and `events` must outlive this object.
  IndexFollower(const std::string& context_id, const IndexBook& book, SteadyNow steady_now, Events& events)
      : context_id_(context_id), book_(book), steady_now_(steady_now), events_(events) {}

  /// Requests that the next Follow() compares the mirror's own indexes with the wanted ones. Changed rules
  /// and changes by another server need no such request.
  void SetDue() { due_ = true; }
  /// Makes the changes of indexes that are due. Called between two cycles. A change that fails, or would take
  /// too long, is tried again after the next cycle; no cycle fails because of it. An event reports
  /// OwnIndex::is_too_long. Errors: only kDataLoss.
  absl::Status Follow(Store& store, std::int64_t now_ms);
  /// Reports rules that cannot be right. Reports the same text once, and again after a restart.
  void TellWrong(const std::vector<AnnouncedTable>& tables);

 private:
  struct Due {
    std::vector<IndexChange> changes;
    std::vector<std::string> idle;  ///< See IdleIndexes.
  };
  absl::StatusOr<Due> ReadDue(Store& store, const IndexRules& rules) const;
  /// Plans one change. Called under the store's writer lock. Absent: the change is no longer due. `version`:
  /// the data version at which it was due.
  absl::StatusOr<std::optional<Plan>> PlanChange(Store& store, const IndexRules& rules, std::int64_t version,
                                                 const IndexChange& change, std::int64_t now_ms) const;
  void TellIdle(const std::vector<std::string>& idle);
  void TellTrouble(std::string why);
  void TellTooLong(Store& store);

  const std::string context_id_;
  const IndexBook& book_;
  const SteadyNow steady_now_;
  Events& events_;
  bool due_ = true;
  std::shared_ptr<const IndexRules> followed_;  ///< The rules that the last Follow() used.
  std::optional<std::int64_t> version_;         ///< Store::ReadDataVersion() at the last Follow().
  std::string told_wrong_, told_idle_, told_trouble_, told_too_long_;
};

/// Returns all tables, each with the indexes that the source reported and the entries of `configured` that
/// match it. Errors: as Store.
absl::StatusOr<std::vector<FollowedTable>> ReadFollowed(Store& store,
                                                        const std::vector<ConfiguredIndex>& configured);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_INDEX_FOLLOWER_H_
