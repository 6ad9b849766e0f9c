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
/// All of `waiting` belong to the cycle of one tenant, and outlive the group.
struct RowGroup {
  explicit RowGroup(std::vector<WaitingRows*> all) : waiting(std::move(all)) {}
  RowGroup(const RowGroup&) = delete;
  RowGroup& operator=(const RowGroup&) = delete;

  const std::vector<WaitingRows*> waiting;
  // Of the last PlanGroup():
  std::optional<RowPlanner> planner;
  /// The others wait for batches before theirs.
  std::vector<WaitingRows*> planned;
  /// Which the plan was made of.
  std::vector<Hold> known_holds;
};

/// The plan of `group`, under the store's lock. Absent: all of them wait.
absl::StatusOr<std::optional<Plan>> PlanGroup(Mirror& mirror, const TenantRecord& tenant, RowGroup* group)
    MIRROR_REQUIRES(mirror.mutex());
/// The plan of the cycle's end behind `group`, when every batch was applied, and the cycle has to remember
/// nothing of it.
absl::StatusOr<std::optional<Plan>> PlanEndBehind(RowGroup& group, const Committed& done,
                                                  const TenantRecord& tenant);

/// The commit changed what the cycle has to remember.
bool ChangesNotes(const Committed& committed);

/// After RunningCycle::Load().
RowPlanner PlannerFor(Mirror& mirror, const TenantRecord& tenant, std::int64_t now_ms)
    MIRROR_REQUIRES(mirror.mutex());

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_ROW_GROUP_H_
