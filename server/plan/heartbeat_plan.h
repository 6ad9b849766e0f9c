#ifndef MIRROR_SERVER_PLAN_HEARTBEAT_PLAN_H_
#define MIRROR_SERVER_PLAN_HEARTBEAT_PLAN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/plan/plan.h"

// Effect of a heartbeat on the times of a mirror's tables. Pure.

namespace mirror {

/// A source's statement that a look at it found nothing to send: see HeartbeatRequest in mirror_client.proto.
struct Heartbeat {
  std::int64_t cycle = 0;  ///< The source's last completed cycle.
  std::string holder, source_id;
  std::int64_t age_ms = 0;              ///< Of the look, when the call arrived.
  std::vector<std::string> stale = {};  ///< Tables that the look does not cover.
};

/// Checks that nothing happened since the completed cycle that the heartbeat names: then the mirror has what
/// that cycle left, and no operator waits for the source. `tenant`, `holds`: the present ones.
/// Errors: kAborted, with the reason.
absl::Status CheckHeartbeat(const Heartbeat& heartbeat, const TenantRecord& tenant,
                            const std::vector<Hold>& holds);

/// Returns the moment as of which the tables are current after a heartbeat that arrived at `arrived_ms`, with
/// the tables that keep their time: those that the heartbeat names, and those that the last cycle left behind
/// the others. Absent: the times are as late already.
std::optional<AllAsOf> AsOfHeartbeat(const Heartbeat& heartbeat, const Freshness& now,
                                     std::int64_t arrived_ms);

/// Returns the time within which the next heartbeat shall arrive: a third of the shortest target, within
/// kHeartbeatWithinMinMs and kHeartbeatWithinMaxMs.
std::int64_t HeartbeatWithin(const FreshnessTargets& targets);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_HEARTBEAT_PLAN_H_
