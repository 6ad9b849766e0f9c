#include "server/tenant/heartbeat.h"

#include <utility>

#include "base/status_macros.h"
#include "server/plan/tenant_summary.h"

namespace mirror {

absl::StatusOr<std::int64_t> HeartbeatCalls::TakeHeartbeat(const Caller& caller, const Heartbeat& heartbeat,
                                                           std::int64_t arrived_ms) {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(mirror_.Open(false, arrived_ms));
  // A heartbeat that is refused takes no lock of the store.
  ASSIGN_OR_RETURN(const TenantRecord tenant, ReadTenantOf(mirror_, arrived_ms));
  RETURN_IF_ERROR(mirror_.QuarantineIfDamaged(Check(caller, heartbeat, tenant)));
  Freshness times;
  Writing writing(Intent{.changes_tables = false, .writes_records = false});
  while (mirror_.Begin(writing)) {
    writing.Commit(PlanTimes(caller, heartbeat, arrived_ms, writing.tenant(), &times));
  }
  ASSIGN_OR_RETURN(const std::optional<Committed> committed, mirror_.Finish(writing));
  if (committed && mirror_.store() != nullptr) {
    ASSIGN_OR_RETURN(times, mirror_.QuarantineIfDamaged(mirror_.store()->records().ReadFreshness()));
    mirror_.seen().Set(WithFreshness(mirror_.seen().Get(), times));
  }
  return HeartbeatWithin(times.targets);
}

absl::Status HeartbeatCalls::Check(const Caller& caller, const Heartbeat& heartbeat,
                                   const TenantRecord& tenant) {
  RETURN_IF_ERROR(CheckOwner(caller, tenant));
  RETURN_IF_ERROR(mirror_.cycle().Load(*mirror_.store()));
  return CheckHeartbeat(heartbeat, tenant, mirror_.cycle().holds());
}

absl::StatusOr<std::optional<Plan>> HeartbeatCalls::PlanTimes(const Caller& caller,
                                                              const Heartbeat& heartbeat,
                                                              std::int64_t arrived_ms,
                                                              const TenantRecord& tenant, Freshness* times) {
  // A cycle of another server may have begun before this one got the lock.
  RETURN_IF_ERROR(Check(caller, heartbeat, tenant));
  ASSIGN_OR_RETURN(*times, mirror_.store()->records().ReadFreshness());
  std::optional<AllAsOf> as_of = AsOfHeartbeat(heartbeat, *times, arrived_ms);
  if (!as_of) return std::optional<Plan>();
  Plan plan;
  plan.now_ms = arrived_ms;
  plan.kept = Kept::kWithNext;
  plan.all_as_of = std::move(as_of);
  return std::optional(std::move(plan));
}

}  // namespace mirror
