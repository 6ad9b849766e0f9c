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
  std::string ca;           ///< Authority of the server's certificate; empty: the authorities of the system.
  std::string certificate;  ///< For mutual TLS, together with `key`. Both empty: no certificate is sent.
  std::string key;          ///< 0600 or stricter.
};

/// Checks that a certificate and a private key belong together, that group and others have no access to the
/// key, and that the certificate is valid now. Errors: kNotFound, kPermissionDenied, kInvalidArgument,
/// kFailedPrecondition (not valid now); they name the files.
absl::Status CheckTlsPair(const std::string& certificate, const std::string& key);

/// Makes credentials of a listener for TLS 1.2 or 1.3. It checks the files, and then gRPC watches them: new
/// connections use replaced files within kTlsRefreshSeconds. Check new files with CheckTlsPair(), and replace
/// the old ones by renaming. As long as certificate and key do not belong together, gRPC refuses every new
/// connection. Errors: as CheckTlsPair, also for `client_ca`.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(const ServerTls& files);

/// Makes credentials of a channel for TLS 1.2 or 1.3. The server's certificate must contain the server's name
/// or address. The files are read only once: after replacing them, make a new channel. Errors: as
/// CheckTlsPair, also for `ca`; kInvalidArgument when only one of certificate and key is given.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(const ClientTls& files);

}  // namespace mirror

#endif  // MIRROR_CERTS_TLS_H_
