#ifndef MIRROR_SERVER_TENANT_ROW_GROUP_H_
#define MIRROR_SERVER_TENANT_ROW_GROUP_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "server/plan/plan.h"
#include "server/tenant/mirror/mirror.h"
#include "server/tenant/row_planner.h"
#include "server/tenant/waiting_rows.h"

namespace mirror {

/// Requests that are committed together: planned under the store's lock, and known until they are answered.
/// Threads: none; used under the tenant's lock.
class RowGroup {
 public:
  /// All of `waiting` belong to the cycle of `tenant`, and outlive the group. `is_over`: see MakePlan().
  RowGroup(Mirror& mirror, const TenantRecord& tenant, std::vector<WaitingRows*> waiting, bool* is_over)
      : mirror_(mirror), tenant_(tenant), waiting_(std::move(waiting)), is_over_(is_over) {}
  RowGroup(const RowGroup&) = delete;
  RowGroup& operator=(const RowGroup&) = delete;

  /// A Store::Planner. Its plan asks the group again while it is committed. No plan, and `is_over`: the cycle
  /// does not run by `tenant`, or is another owner's.
  absl::StatusOr<std::optional<Plan>> MakePlan(const TenantRecord& tenant) MIRROR_REQUIRES(mirror_.mutex());

  /// A StoreWork::Follow: the plan of `end`, when every batch was applied, and the cycle has to remember
  /// nothing of it.
  absl::StatusOr<std::optional<Plan>> MakeEnd(const RowsEnd& end, const CommitResult& done,
                                              const TenantRecord& tenant) MIRROR_REQUIRES(mirror_.mutex());

  // After MakePlan().
  RowPlanner& planner() { return *planner_; }
  /// The others wait for batches before theirs.
  const std::vector<WaitingRows*>& planned() const { return planned_; }
  /// Which the plan was made of.
  const std::vector<Hold>& known_holds() const { return known_holds_; }
  /// The commit changed what the cycle has to remember.
  bool notes_changed() const { return notes_changed_; }

 private:
  Mirror& mirror_;
  const TenantRecord tenant_;
  const std::vector<WaitingRows*> waiting_;
  bool* const is_over_;
  std::optional<RowPlanner> planner_;
  std::vector<WaitingRows*> planned_;
  std::vector<Hold> known_holds_;
  bool notes_changed_ = false;
  bool judged_ = false;  ///< The plan has holds, or lets a hold go.
};

/// After RunningCycle::Load().
RowPlanner PlannerFor(Mirror& mirror, const TenantRecord& tenant, std::int64_t now_ms)
    MIRROR_REQUIRES(mirror.mutex());

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_ROW_GROUP_H_
