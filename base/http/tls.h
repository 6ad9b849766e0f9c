#ifndef MIRROR_BASE_HTTP_TLS_H_
#define MIRROR_BASE_HTTP_TLS_H_

#include <boost/asio/ssl/context.hpp>
#include <memory>

#include "absl/status/statusor.h"
#include "base/http/listener.h"

namespace mirror {

/// TLS 1.2 or later, with forward secrecy, no compression, no renegotiation, no tickets. Errors:
/// kInvalidArgument: the certificate or the key cannot be read, or they do not belong together.
absl::StatusOr<std::shared_ptr<boost::asio::ssl::context>> MakeHttpTls(const HttpIdentity& identity);

}  // namespace mirror

#endif  // MIRROR_BASE_HTTP_TLS_H_
