#ifndef MIRROR_SERVER_RPC_LISTENER_TCP_TRAFFIC_H_
#define MIRROR_SERVER_RPC_LISTENER_TCP_TRAFFIC_H_

#include <cstdint>
#include <optional>

namespace mirror {

/// The number of bytes that a connection has carried so far, as counted by the kernel.
struct TcpTraffic {
  std::uint64_t received = 0;
  std::uint64_t sent = 0;
  std::uint64_t acknowledged = 0;  ///< Bytes sent that the other end has acknowledged.
};

/// Returns the traffic of `socket`. Absent: it is not a TCP connection.
std::optional<TcpTraffic> TrafficOf(int socket);

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_LISTENER_TCP_TRAFFIC_H_
