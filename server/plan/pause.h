#ifndef MIRROR_SERVER_PLAN_PAUSE_H_
#define MIRROR_SERVER_PLAN_PAUSE_H_

#include <cstdint>
#include <string_view>

#include "server/plan/move_mark.h"
#include "server/plan/plan.h"

namespace mirror {

/// The party that stopped the replication. The numbers are those of DoNotReplicateBy in mirror_client.proto.
enum class PausedBy : std::uint8_t { kNobody, kOperator, kMiss, kHook, kDeleted, kMove };

/// The reason in the mirror's file after the server paused a tenant by itself. The server distinguishes such
/// a pause from an operator's by this text, so the text must not change.
inline constexpr char kMissPause[] =
    "two source databases seem to feed this mirror in turn: each does not know what the other one sent";

inline PausedBy WhoPaused(bool paused, std::string_view reason) {
  if (!paused) return PausedBy::kNobody;
  if (MarkOf(paused, reason)) return PausedBy::kMove;
  return reason == kMissPause ? PausedBy::kMiss : PausedBy::kOperator;
}
inline PausedBy WhoPaused(const TenantRecord& tenant) {
  return WhoPaused(tenant.paused, tenant.pause_reason);
}

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_PAUSE_H_
