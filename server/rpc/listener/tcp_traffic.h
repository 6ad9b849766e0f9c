#ifndef MIRROR_SERVER_RPC_LISTENER_TCP_TRAFFIC_H_
#define MIRROR_SERVER_RPC_LISTENER_TCP_TRAFFIC_H_

#include <cstdint>
#include <optional>

namespace mirror {

/// The bytes that a connection carried so far, by the kernel's count.
struct TcpTraffic {
  std::uint64_t received = 0;
  std::uint64_t sent = 0;
  std::uint64_t acknowledged = 0;  ///< Sent, and received by the other end.
};

/// Returns the traffic of `socket`. Absent: it is no TCP connection.
std::optional<TcpTraffic> TrafficOf(int socket);

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_LISTENER_TCP_TRAFFIC_H_
