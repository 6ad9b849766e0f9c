#ifndef MIRROR_CERTS_CONNECT_FAILURE_H_
#define MIRROR_CERTS_CONNECT_FAILURE_H_

#include <cstdint>
#include <string>

namespace mirror {

/// Why a connection by TLS was not made.
enum class ConnectFailure : std::uint8_t {
  kNobody,       ///< Nobody answers at that address. Also what is not known better.
  kNoTls,        ///< What listens there does not speak TLS.
  kCertificate,  ///< The server's certificate is not trusted, or is another host's.
  kHandshake,    ///< The server refused the handshake.
  kClosed,       ///< The server closed the connection: it refused the handshake, or has no place.
};

/// gRPC's reason for a call that never left, without the names of its own parts: "failed to connect to all
/// addresses; last error: UNKNOWN: ipv4:127.0.0.1:7444: Connection refused" ends with what happened.
std::string ConnectReason(const std::string& grpc_words);
/// `reason` may name the host, whatever that is called.
ConnectFailure ConnectFailureIn(const std::string& reason);

}  // namespace mirror

#endif  // MIRROR_CERTS_CONNECT_FAILURE_H_
