#ifndef MIRROR_CERTS_TLS_PROBE_H_
#define MIRROR_CERTS_TLS_PROBE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "certs/key.h"
#include "certs/tls.h"

namespace mirror {

/// What a handshake showed, the bad parts too: it goes on behind them.
struct TlsProbe {
  std::string version;                 ///< "TLSv1.3".
  std::vector<CertificateInfo> chain;  ///< What the server showed, its own certificate first.
  std::string disbelieved;             ///< Why its certificate is not believed; empty: it is.
  bool http2 = false;                  ///< It speaks what gRPC needs.
  std::string refused;  ///< Why it ended the connection after the handshake; empty: it did not.
};

/// Makes a handshake over a connected socket, as a gRPC client with these files would, and waits for the
/// server's first bytes: only then is it known whether it takes the client's certificate. Sends nothing more.
/// The socket stays the caller's, and is to be closed; its time limits are those of every step here.
/// Errors: those of the client's own files, naming them (see MakeChannelCredentials); kUnavailable with
/// OpenSSL's reason when there was no handshake at all.
absl::StatusOr<TlsProbe> ProbeTls(int socket, const std::string& host, const ClientTls& files);

/// Whether a certificate is signed by one of the authorities in `ca`; its times are not looked at.
/// Errors: kFailedPrecondition; those of reading the files.
absl::Status CheckSignedBy(const std::string& certificate, const std::string& ca);

}  // namespace mirror

#endif  // MIRROR_CERTS_TLS_PROBE_H_
