#ifndef MIRROR_CERTS_CONNECT_FAILURE_H_
#define MIRROR_CERTS_CONNECT_FAILURE_H_

#include <cstdint>
#include <string>

namespace mirror {

/// Reason why a TLS connection failed.
enum class ConnectFailure : std::uint8_t {
  kNobody,       ///< No server answers at that address. Also for unknown reasons.
  kNoTls,        ///< The server at this port does not speak TLS.
  kCertificate,  ///< The server's certificate is not trusted, or names another host.
  kHandshake,    ///< The server refused the handshake.
  kClosed,       ///< The server closed the connection: it refused the handshake, or has no free place.
};

/// Returns gRPC's reason for a call that was not sent, without gRPC's internal names: "failed to connect to
/// all addresses; last error: UNKNOWN: ipv4:127.0.0.1:7444: Connection refused" ends with the real reason.
std::string ConnectReason(const std::string& grpc_words);
/// `reason` may contain the host, whatever its name is.
ConnectFailure ConnectFailureIn(const std::string& reason);

}  // namespace mirror

#endif  // MIRROR_CERTS_CONNECT_FAILURE_H_
