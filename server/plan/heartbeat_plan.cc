#include "server/plan/heartbeat_plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "proto/wire/heartbeat.h"
#include "server/plan/cycle_check.h"
#include "server/plan/freshness_plan.h"

namespace mirror {
namespace {

absl::Status Refused(const std::string& why) {
  return absl::AbortedError(absl::StrCat("the heartbeat does not apply: ", why,
                                         ". Nothing was noted. Begin a new cycle with Authenticate."));
}

}  // namespace

absl::Status CheckHeartbeat(const Heartbeat& heartbeat, const TenantRecord& tenant,
                            const std::vector<Hold>& holds) {
  if (tenant.active) return Refused(absl::StrCat("cycle ", tenant.cycle, " is running"));
  if (tenant.paused) return Refused("the tenant is paused");
  if (tenant.completed_cycle != heartbeat.cycle) {
    return Refused(absl::StrCat("cycle ", heartbeat.cycle,
                                " is not the last one that was completed, which is cycle ",
                                tenant.completed_cycle));
  }
  // The end of a cycle sets the next number. A later begin, and each act of an operator, set another one.
  if (tenant.cycle != CycleAfter(heartbeat.cycle)) {
    return Refused(absl::StrCat("a cycle began, or an operator changed the mirror, after cycle ",
                                heartbeat.cycle, " was completed"));
  }
  if (tenant.holder.empty()) {
    return Refused(absl::StrCat("the end of cycle ", heartbeat.cycle,
                                " did not say as of when all tables are current, or named no holder"));
  }
  if (tenant.holder != heartbeat.holder) {
    return Refused(absl::StrCat("another holder completed cycle ", heartbeat.cycle));
  }
  if (tenant.source_id != heartbeat.source_id) return Refused("the rows are those of another source");
  if (tenant.source_accepted) {
    return Refused("tables were sent by another source and are not proven to equal this one yet");
  }
  if (!holds.empty())
    return Refused("a change is held, and an operator's decision is needed or not done yet");
  return absl::OkStatus();
}

std::optional<AllAsOf> AsOfHeartbeat(const Heartbeat& heartbeat, const Freshness& now,
                                     std::int64_t arrived_ms) {
  const std::int64_t as_of_ms = arrived_ms - heartbeat.age_ms;
  if (!now.all_ms || as_of_ms <= *now.all_ms) return std::nullopt;
  AllAsOf next{as_of_ms, heartbeat.stale};
  for (const auto& [table, time] : now.tables) {
    if (!time || *time <= *now.all_ms) next.stale.push_back(table);
  }
  return next;
}

std::int64_t HeartbeatWithin(const FreshnessTargets& targets) {
  return std::clamp(ShortestTarget(targets).value_or(3 * kHeartbeatWithinMaxMs) / 3, kHeartbeatWithinMinMs,
                    kHeartbeatWithinMaxMs);
}

}  // namespace mirror
