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

/// Keeps the mirror's own indexes: those that the configuration has, and the source's where it says so.
/// Threads: none; used under the tenant's lock.
class IndexFollower {
 public:
  using SteadyNow = std::chrono::steady_clock::time_point (*)();

  /// `book` and `events` outlive it.
  IndexFollower(const std::string& context_id, const IndexBook& book, SteadyNow steady_now, Events& events)
      : context_id_(context_id), book_(book), steady_now_(steady_now), events_(events) {}

  /// The mirror's own indexes may be others than those that are wanted; other rules, and what somebody else
  /// changed, are noticed without it.
  void SetDue() { due_ = true; }
  /// Between two cycles. What fails, or would take too long, is tried after the next one; no cycle fails for
  /// it. OwnIndex::is_too_long is told. Errors: kDataLoss alone.
  absl::Status Follow(Store& store, std::int64_t now_ms);
  /// Of what cannot be right: once for the same words, and again after a restart.
  void TellWrong(const std::vector<AnnouncedTable>& tables);

 private:
  struct Due {
    std::vector<IndexChange> changes;
    std::vector<std::string> idle;  ///< See IdleIndexes.
  };
  absl::StatusOr<Due> ReadDue(Store& store, const IndexRules& rules) const;
  /// Under the store's writer lock. Absent: it is not due any more. `version`: as of which it was found due.
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
  std::shared_ptr<const IndexRules> followed_;  ///< The rules that it went by last.
  std::optional<std::int64_t> version_;         ///< Store::ReadDataVersion() then.
  std::string told_wrong_, told_idle_, told_trouble_, told_too_long_;
};

/// All tables with what the source told of them, and with those of `configured` that mean them. Errors: as
/// Store.
absl::StatusOr<std::vector<FollowedTable>> ReadFollowed(Store& store,
                                                        const std::vector<ConfiguredIndex>& configured);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_INDEX_FOLLOWER_H_
