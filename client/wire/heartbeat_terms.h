#ifndef MIRROR_CLIENT_WIRE_HEARTBEAT_TERMS_H_
#define MIRROR_CLIENT_WIRE_HEARTBEAT_TERMS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace mirror {

/// Statements of a heartbeat about the run's last cycle: see HeartbeatRequest in mirror_client.proto.
struct HeartbeatTerms {
  std::int64_t cycle = 0;
  std::string holder, source_id;
  /// Announced tables that were not brought up to date, or whose changes no ChangeSignal notices.
  std::vector<std::string> stale = {};
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_WIRE_HEARTBEAT_TERMS_H_
