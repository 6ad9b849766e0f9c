#ifndef MIRROR_CERTS_TLS_H_
#define MIRROR_CERTS_TLS_H_

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mirror {

/// Seconds after which a listener notices that its certificate files were replaced.
inline constexpr unsigned kTlsRefreshSeconds = 1;

/// Files of a listener, PEM.
struct ServerTls {
  std::string certificate;  ///< Its chain, the server's own certificate first.
  std::string key;          ///< 0600 or stricter.
  /// Empty: a client needs no certificate. Else each client must show one of it that is for clients: its
  /// extended key usage has clientAuth.
  std::string client_ca;
};

/// Files of a client, PEM.
struct ClientTls {
  std::string ca;           ///< Who signs the server's certificate; empty: the system's own list.
  std::string certificate;  ///< For mutual TLS, with `key`; both empty: none.
  std::string key;          ///< 0600 or stricter.
};

/// Whether a certificate and a private key are two halves of one, the key is closed to others,
/// and the certificate is valid now.
/// Errors: kNotFound, kPermissionDenied, kInvalidArgument, kFailedPrecondition (not valid now);
/// they name the files.
absl::Status CheckTlsPair(const std::string& certificate, const std::string& key);

/// TLS 1.2 or 1.3 for a listener. The files are checked, then watched: replaced ones are used for
/// new connections within kTlsRefreshSeconds. Check the new ones with CheckTlsPair() and put them
/// in place by renaming: gRPC refuses every new connection while the files do not fit.
/// Errors: as CheckTlsPair, also for `client_ca`.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(const ServerTls& files);

/// TLS 1.2 or 1.3 for a channel. The server's name or address must stand in its certificate. The
/// files are read once: make the channel anew after replacing them.
/// Errors: as CheckTlsPair, also for `ca`; kInvalidArgument when only one of certificate and key
/// is given.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(const ClientTls& files);

}  // namespace mirror

#endif  // MIRROR_CERTS_TLS_H_
