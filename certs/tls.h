#ifndef MIRROR_CERTS_TLS_H_
#define MIRROR_CERTS_TLS_H_

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mirror {

/// Seconds after which a listener detects that its certificate files were replaced.
inline constexpr unsigned kTlsRefreshSeconds = 1;

/// PEM files of a listener.
struct ServerTls {
  std::string certificate;  ///< Certificate chain, the server's own certificate first.
  std::string key;          ///< 0600 or stricter.
  /// Empty: a client needs no certificate. Otherwise each client must present a certificate of this authority
  /// that is for clients: its extended key usage has clientAuth.
  std::string client_ca;
};

/// PEM files of a client.
struct ClientTls {
  std::string ca;           ///< Authority of the server's certificate; empty: the system's own list.
  std::string certificate;  ///< For mutual TLS, with `key`; both empty: none.
  std::string key;          ///< 0600 or stricter.
};

/// Checks that a certificate and a private key belong together, the key is closed to others,
/// and the certificate is valid now.
/// Errors: kNotFound, kPermissionDenied, kInvalidArgument, kFailedPrecondition (not valid now);
/// they name the files.
absl::Status CheckTlsPair(const std::string& certificate, const std::string& key);

/// Makes TLS 1.2 or 1.3 credentials for a listener. Checks the files, then watches them: new connections use
/// replaced files within kTlsRefreshSeconds. Check new files with CheckTlsPair() and put them
/// in place by renaming: gRPC refuses every new connection as long as the files do not fit together.
/// Errors: as CheckTlsPair, also for `client_ca`.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(const ServerTls& files);

/// Makes TLS 1.2 or 1.3 credentials for a channel. The server's certificate must contain its name or address.
/// The files are read once: make the channel again after replacing them.
/// Errors: as CheckTlsPair, also for `ca`; kInvalidArgument when only one of certificate and key
/// is given.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(const ClientTls& files);

}  // namespace mirror

#endif  // MIRROR_CERTS_TLS_H_
