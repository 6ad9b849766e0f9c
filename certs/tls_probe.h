#ifndef MIRROR_CERTS_TLS_PROBE_H_
#define MIRROR_CERTS_TLS_PROBE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "certs/key.h"
#include "certs/tls.h"

namespace mirror {

/// Results of a handshake. The faults in it do not make the probe fail.
struct TlsProbe {
  std::string version;                 ///< Such as "TLSv1.3".
  std::vector<CertificateInfo> chain;  ///< Certificates of the server, its own first.
  /// Reason why the server's certificate is not trusted; empty: it is trusted.
  std::string disbelieved;
  bool http2 = false;  ///< The server speaks HTTP/2, which gRPC needs.
  /// Reason why the server ended the connection after the handshake; empty: it did not end it.
  std::string refused;
};

/// Makes a handshake over a connected socket, as a gRPC client with these files does. It then waits for the
/// server's first bytes, because only they show whether the server accepts the client's certificate. It sends
/// nothing more. The caller must close the socket, whose time limits apply to every step. Errors: those of
/// MakeChannelCredentials() for the client's own files; kUnavailable, with OpenSSL's reason: there was no
/// handshake.
absl::StatusOr<TlsProbe> ProbeTls(int socket, const std::string& host, const ClientTls& files);

/// Checks that one of the authorities in `ca` signed a certificate. The certificate's times are not checked.
/// Errors: kFailedPrecondition; those of reading the files.
absl::Status CheckSignedBy(const std::string& certificate, const std::string& ca);

}  // namespace mirror

#endif  // MIRROR_CERTS_TLS_PROBE_H_
