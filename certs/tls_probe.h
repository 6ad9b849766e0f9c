#ifndef MIRROR_CERTS_TLS_PROBE_H_
#define MIRROR_CERTS_TLS_PROBE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "certs/key.h"
#include "certs/tls.h"

namespace mirror {

/// Results of a handshake, including faults, which do not end the probe.
struct TlsProbe {
  std::string version;                 ///< "TLSv1.3".
  std::vector<CertificateInfo> chain;  ///< Certificates of the server, its own first.
  std::string disbelieved;             ///< Reason why its certificate is not trusted; empty: it is.
  bool http2 = false;                  ///< The server speaks HTTP/2, which gRPC needs.
  std::string refused;  ///< Reason why it ended the connection after the handshake; empty: it did not.
};

/// Makes a handshake over a connected socket, like a gRPC client with these files, and waits for the server's
/// first bytes: only then is it known whether it accepts the client's certificate. Sends nothing more. The
/// caller keeps the socket and must close it; its time limits apply to every step here. Errors: those of the
/// client's own files, naming them (see MakeChannelCredentials); kUnavailable with OpenSSL's reason if the
/// handshake did not happen.
absl::StatusOr<TlsProbe> ProbeTls(int socket, const std::string& host, const ClientTls& files);

/// Checks that one of the authorities in `ca` signed a certificate; ignores its times.
/// Errors: kFailedPrecondition; those of reading the files.
absl::Status CheckSignedBy(const std::string& certificate, const std::string& ca);

}  // namespace mirror

#endif  // MIRROR_CERTS_TLS_PROBE_H_
