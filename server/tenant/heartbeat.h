#ifndef MIRROR_SERVER_TENANT_HEARTBEAT_H_
#define MIRROR_SERVER_TENANT_HEARTBEAT_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/caller.h"
#include "server/plan/freshness_plan.h"
#include "server/plan/heartbeat_plan.h"
#include "server/tenant/mirror/mirror.h"

namespace mirror {

/// The source's call between two cycles: it moves the times of the tables, and nothing else. Errors: as
/// Mirror; kAborted: see CheckHeartbeat(). Threads: any.
class HeartbeatCalls {
 public:
  explicit HeartbeatCalls(Mirror& mirror) : mirror_(mirror) {}

  /// `arrived_ms`: unix time at which the call came. Returns HeartbeatWithin(). Waits for no disk: a loss of
  /// power may take the new times, and in a SQLite mirror so may the end of the process.
  absl::StatusOr<std::int64_t> TakeHeartbeat(const Caller& caller, const Heartbeat& heartbeat,
                                             std::int64_t arrived_ms);

 private:
  absl::Status Check(const Caller& caller, const Heartbeat& heartbeat, const TenantRecord& tenant)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Absent: the times are as late already. `times`: receives those before the plan.
  absl::StatusOr<std::optional<Plan>> PlanTimes(const Caller& caller, const Heartbeat& heartbeat,
                                                std::int64_t arrived_ms, const TenantRecord& tenant,
                                                Freshness* times) MIRROR_REQUIRES(mirror_.mutex());

  Mirror& mirror_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_HEARTBEAT_H_
