#ifndef MIRROR_PROTO_WIRE_HEARTBEAT_H_
#define MIRROR_PROTO_WIRE_HEARTBEAT_H_

#include <cstdint>

namespace mirror {

/// Capability of an endpoint that takes heartbeats.
inline constexpr char kHeartbeatCapability[] = "heartbeat";
/// Greatest age of the look that a heartbeat reports: see HeartbeatRequest.age_ms.
inline constexpr std::int64_t kHeartbeatAgeMaxMs = 3'600'000;
/// Bounds of HeartbeatResponse.next_within_ms.
inline constexpr std::int64_t kHeartbeatWithinMinMs = 100;
inline constexpr std::int64_t kHeartbeatWithinMaxMs = 10'000;

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_HEARTBEAT_H_
