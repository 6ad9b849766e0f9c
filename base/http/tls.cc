#include "base/http/tls.h"

#include <openssl/ssl.h>

#include <boost/asio/buffer.hpp>

namespace mirror {

absl::StatusOr<std::shared_ptr<boost::asio::ssl::context>> MakeHttpTls(const HttpIdentity& identity) {
  namespace ssl = boost::asio::ssl;
  const auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  SSL_CTX* const tls = context->native_handle();
  SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
  SSL_CTX_set_options(tls, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                               SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
  // An idle connection keeps no buffers.
  SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
  boost::system::error_code error;
  if (SSL_CTX_set_cipher_list(tls, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
    return absl::InternalError("this OpenSSL has no cipher that is good enough");
  context->use_certificate_chain(boost::asio::buffer(identity.certificate_chain), error);
  if (error) return absl::InvalidArgumentError("the certificate cannot be read");
  context->use_private_key(boost::asio::buffer(identity.private_key), ssl::context::pem, error);
  if (error || SSL_CTX_check_private_key(tls) != 1)
    return absl::InvalidArgumentError("the key cannot be read, or is not that of the certificate");
  return context;
}

}  // namespace mirror
