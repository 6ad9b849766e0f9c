#include "certs/tls_probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <string.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "certs/openssl.h"

namespace mirror {
namespace {

using SslCtxPtr = std::unique_ptr<SSL_CTX, OpenSslFree<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, OpenSslFree<SSL_free>>;
using StorePtr = std::unique_ptr<X509_STORE, OpenSslFree<X509_STORE_free>>;
using StoreCtxPtr = std::unique_ptr<X509_STORE_CTX, OpenSslFree<X509_STORE_CTX_free>>;

constexpr unsigned char kHttp2[] = {2, 'h', '2'};

/// Returns the reason, from OpenSSL or the system, why a call returned `result`.
std::string Reason(const SSL* connection, int result) {
  const int system_error = errno;
  const int error = SSL_get_error(connection, result);
  const std::string said = TakeOpenSslError();
  if (said != "no reason given") return said;
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE || system_error == EAGAIN) {
    return "no answer in time";
  }
  if (error == SSL_ERROR_ZERO_RETURN || system_error == 0) return "the connection was closed";
  return strerror(system_error);
}

absl::Status Internal(const char* doing) {
  return absl::InternalError(absl::StrCat("OpenSSL: ", doing, ": ", TakeOpenSslError()));
}

absl::Status Believe(SSL_CTX* context, const std::string& ca) {
  if (ca.empty()) {
    return SSL_CTX_set_default_verify_paths(context) == 1 ? absl::OkStatus()
                                                          : Internal("the system's list of authorities");
  }
  ASSIGN_OR_RETURN(const std::string pem, ReadKeyFile(ca, FileUse::kPublic));
  ASSIGN_OR_RETURN(const std::vector<X509Ptr> authorities, ParseCertificates(pem, ca));
  for (const X509Ptr& authority : authorities) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get());
  }
  return absl::OkStatus();
}

absl::Status Show(SSL_CTX* context, const ClientTls& files) {
  if (files.certificate.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(CheckTlsPair(files.certificate, files.key));
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) == 1 &&
      SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) == 1) {
    return absl::OkStatus();
  }
  return Internal("the client's certificate");
}

absl::StatusOr<SslPtr> Prepare(SSL_CTX* context, int socket, const std::string& host) {
  SslPtr connection(SSL_new(context));
  if (connection == nullptr || SSL_set_fd(connection.get(), socket) != 1) return Internal("a connection");
  X509_VERIFY_PARAM* const rules = SSL_get0_param(connection.get());
  unsigned char address[sizeof(in6_addr)];
  const bool numeric =
      inet_pton(AF_INET, host.c_str(), address) == 1 || inet_pton(AF_INET6, host.c_str(), address) == 1;
  const int set = numeric ? X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str())
                          : X509_VERIFY_PARAM_set1_host(rules, host.c_str(), host.size());
  if (set != 1) return Internal("the server's name");
  if (!numeric) SSL_set_tlsext_host_name(connection.get(), host.c_str());
  return connection;
}

}  // namespace

absl::StatusOr<TlsProbe> ProbeTls(int socket, const std::string& host, const ClientTls& files) {
  ERR_clear_error();
  const SslCtxPtr context(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr) return Internal("a context");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_alpn_protos(context.get(), kHttp2, sizeof(kHttp2));
  // OpenSSL still checks the certificate. If it is not trusted, this is a finding, which does not end the
  // probe.
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  RETURN_IF_ERROR(Believe(context.get(), files.ca));
  RETURN_IF_ERROR(Show(context.get(), files));
  ASSIGN_OR_RETURN(const SslPtr prepared, Prepare(context.get(), socket, host));
  SSL* const connection = prepared.get();

  errno = 0;
  if (const int result = SSL_connect(connection); result != 1) {
    return absl::UnavailableError(Reason(connection, result));
  }
  TlsProbe probe;
  probe.version = SSL_get_version(connection);
  const STACK_OF(X509)* const chain = SSL_get_peer_cert_chain(connection);
  for (int i = 0; chain != nullptr && i < sk_X509_num(chain); ++i) {
    probe.chain.push_back(DescribeCertificate(sk_X509_value(chain, i)));
  }
  if (const long verdict = SSL_get_verify_result(connection); verdict != X509_V_OK) {
    probe.disbelieved = X509_verify_cert_error_string(verdict);
  }
  const unsigned char* protocol = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(connection, &protocol, &length);
  probe.http2 = length == 2;
  char first = 0;
  errno = 0;
  if (const int result = SSL_read(connection, &first, 1); result != 1)
    probe.refused = Reason(connection, result);
  ERR_clear_error();
  return probe;
}

absl::Status CheckSignedBy(const std::string& certificate, const std::string& ca) {
  ASSIGN_OR_RETURN(const std::string pem, ReadKeyFile(certificate, FileUse::kPublic));
  ASSIGN_OR_RETURN(const X509Ptr own, ParseCertificate(pem, certificate));
  ASSIGN_OR_RETURN(const std::string ca_pem, ReadKeyFile(ca, FileUse::kPublic));
  ASSIGN_OR_RETURN(const std::vector<X509Ptr> authorities, ParseCertificates(ca_pem, ca));
  const StorePtr store(X509_STORE_new());
  for (const X509Ptr& authority : authorities) X509_STORE_add_cert(store.get(), authority.get());
  const StoreCtxPtr check(X509_STORE_CTX_new());
  if (check == nullptr || X509_STORE_CTX_init(check.get(), store.get(), own.get(), nullptr) != 1) {
    return Internal("checking a certificate");
  }
  X509_STORE_CTX_set_flags(check.get(), X509_V_FLAG_NO_CHECK_TIME);
  const bool believed = X509_verify_cert(check.get()) == 1;
  const int error = X509_STORE_CTX_get_error(check.get());
  ERR_clear_error();
  if (believed) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("the certificate '", certificate, "' is not signed by '",
                                                    ca, "' (", X509_verify_cert_error_string(error), ")"));
}

}  // namespace mirror
