#include "certs/tls.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include <ctime>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "certs/key.h"
#include "certs/openssl.h"

namespace mirror {
namespace {

struct TlsPair {
  std::string certificate, key;  // PEM.
};

constexpr char kServerCommands[] = "'mirrorctl certs issue-tls'";
constexpr char kClientCommands[] =
    "'mirrorctl certs issue-operator' or 'issue-viewer' (an administrator), 'issue-client' (a source)";

// Reads and checks a pair. `commands`: the commands that make such a pair, for errors.
absl::StatusOr<TlsPair> ReadTlsPair(const std::string& certificate_path, const std::string& key_path,
                                    const char* commands) {
  ASSIGN_OR_RETURN(std::string certificate_pem, ReadKeyFile(certificate_path, FileUse::kPublic));
  ASSIGN_OR_RETURN(const X509Ptr certificate, ParseCertificate(certificate_pem, certificate_path));
  ASSIGN_OR_RETURN(std::string key_pem, ReadKeyFile(key_path, FileUse::kSecret));
  ASSIGN_OR_RETURN(const PkeyPtr key, ParsePrivateKey(key_pem, key_path));
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError(
        absl::StrCat("the certificate '", certificate_path, "' and the key '", key_path,
                     "' are not a pair. Neither was used. Issue the pair anew, see ", commands, "."));
  }
  const std::int64_t now_s = std::time(nullptr);
  const std::int64_t not_before = ToUnixSeconds(X509_get0_notBefore(certificate.get()), now_s + 1);
  const std::int64_t not_after = ToUnixSeconds(X509_get0_notAfter(certificate.get()), 0);
  if (now_s < not_before || now_s > not_after) {
    return absl::FailedPreconditionError(
        absl::StrCat("the certificate '", certificate_path, "' is valid from ", FormatUnixTime(not_before),
                     " to ", FormatUnixTime(not_after), "; the clock here says ", FormatUnixTime(now_s),
                     ". It was not used. Issue the pair anew, see ", commands, "."));
  }
  return TlsPair{std::move(certificate_pem), std::move(key_pem)};
}

absl::StatusOr<std::string> ReadCa(const std::string& path) {
  ASSIGN_OR_RETURN(std::string pem, ReadKeyFile(path, FileUse::kPublic));
  RETURN_IF_ERROR(ParseCertificate(pem, path).status());
  return pem;
}

/// Refuses certificates of the client authority that are not for clients, such as those of servers.
class ClientUseVerifier final : public grpc::experimental::ExternalCertificateVerifier {
 public:
  bool Verify(grpc::experimental::TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)> /*callback*/, grpc::Status* status) override {
    const grpc::string_ref pem = request->peer_cert();
    const absl::StatusOr<X509Ptr> certificate =
        ParseCertificate(std::string(pem.data(), pem.size()), "the client's certificate");
    const bool is_for_clients = certificate.ok() && IsForClients(certificate->get());
    *status = is_for_clients ? grpc::Status::OK
                             : grpc::Status(grpc::StatusCode::UNAUTHENTICATED,
                                            "the certificate lacks the extended key usage clientAuth");
    return true;
  }
  void Cancel(grpc::experimental::TlsCustomVerificationCheckRequest* /*request*/) override {}
};

}  // namespace

absl::Status CheckTlsPair(const std::string& certificate, const std::string& key) {
  ASSIGN_OR_RETURN(TlsPair pair, ReadTlsPair(certificate, key, kServerCommands));
  OPENSSL_cleanse(pair.key.data(), pair.key.size());
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(const ServerTls& files) {
  RETURN_IF_ERROR(CheckTlsPair(files.certificate, files.key));
  if (!files.client_ca.empty()) {
    RETURN_IF_ERROR(ReadCa(files.client_ca).status());
  }
  namespace tls = grpc::experimental;
  tls::TlsServerCredentialsOptions options(std::make_shared<tls::FileWatcherCertificateProvider>(
      files.key, files.certificate, files.client_ca, kTlsRefreshSeconds));
  options.watch_identity_key_cert_pairs();
  if (files.client_ca.empty()) {
    options.set_cert_request_type(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  } else {
    options.watch_root_certs();
    options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    options.set_certificate_verifier(tls::ExternalCertificateVerifier::Create<ClientUseVerifier>());
  }
  std::shared_ptr<grpc::ServerCredentials> credentials = tls::TlsServerCredentials(options);
  if (credentials == nullptr) {
    return absl::InternalError(absl::StrCat("gRPC refuses the certificate '", files.certificate,
                                            "' for a listener. It does not listen. See the log above."));
  }
  return credentials;
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(const ClientTls& files) {
  if (files.certificate.empty() != files.key.empty()) {
    return absl::InvalidArgumentError(
        "mutual TLS needs both a certificate and its key, and only one of them is given. Give both or "
        "neither.");
  }
  grpc::SslCredentialsOptions options;
  if (!files.ca.empty()) {
    ASSIGN_OR_RETURN(options.pem_root_certs, ReadCa(files.ca));
  }
  if (!files.certificate.empty()) {
    ASSIGN_OR_RETURN(TlsPair pair, ReadTlsPair(files.certificate, files.key, kClientCommands));
    options.pem_cert_chain = std::move(pair.certificate);
    options.pem_private_key = std::move(pair.key);
  }
  return grpc::SslCredentials(options);
}

}  // namespace mirror
