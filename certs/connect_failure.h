#ifndef MIRROR_CERTS_CONNECT_FAILURE_H_
#define MIRROR_CERTS_CONNECT_FAILURE_H_

#include <cstdint>
#include <string>

namespace mirror {

/// Reason why a TLS connection failed.
enum class ConnectFailure : std::uint8_t {
  kNobody,       ///< No server answers at the address. Also used for unknown reasons.
  kNoTls,        ///< The server at this port does not speak TLS.
  kCertificate,  ///< The server's certificate is not trusted, or names another host.
  kHandshake,    ///< The server refused the handshake.
  kClosed,       ///< The server closed the connection: it refused the handshake, or has no free place.
};

/// Returns the real reason why gRPC did not send a call. It is the end of gRPC's message, "Connection
/// refused" in "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:7444: Connection
/// refused".
std::string ConnectReason(const std::string& grpc_words);
/// Finds the kind of failure in a text of ConnectReason(). `reason` may contain the host's name, which may be
/// any text.
ConnectFailure ConnectFailureIn(const std::string& reason);

}  // namespace mirror

#endif  // MIRROR_CERTS_CONNECT_FAILURE_H_
