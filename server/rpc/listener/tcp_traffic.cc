#include "server/rpc/listener/tcp_traffic.h"

// The C library's own netinet/tcp.h has an older tcp_info, without byte counts.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace mirror {

std::optional<TcpTraffic> TrafficOf(int socket) {
  tcp_info info = {};
  socklen_t size = sizeof(info);
  if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  return TcpTraffic{info.tcpi_bytes_received, info.tcpi_bytes_sent, info.tcpi_bytes_acked};
}

}  // namespace mirror
