#ifndef MIRROR_BASE_HTTP_LISTENER_H_
#define MIRROR_BASE_HTTP_LISTENER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/http/message.h"
#include "base/peer_address.h"

namespace mirror {

struct HttpLimits {
  std::size_t header_bytes_max = 8 << 10;  ///< For a request's line and headers.
  std::size_t connections_max = 64;
  /// Limit of strangers' connections from one address, see HttpListener. 0: none. Addresses in
  /// `unlimited` have no such limit.
  std::size_t connections_per_address_max = 0;
  AddressRanges unlimited = AddressRanges::Loopback();
  /// If there are more strangers than this, closes a stranger's connection after its answer.
  std::size_t strangers_kept_max = 16;
  /// Answers in memory at a time, streams with one piece each; further requests wait.
  std::size_t answers_max = 4;
  /// Limit for one asker of HttpAdmission: a client that reads slowly leaves some answers to the others.
  std::size_t answers_of_one_max = 4;
  /// Memory for bodies that are incomplete or wait for a turn: for all together, and half of it for one
  /// asker. At least twice the longest body that the door admits.
  std::uint64_t bodies_bytes_max = 64 << 20;
  bool keep_alive = false;               ///< Allows several requests on one connection.
  std::chrono::seconds request_time{5};  ///< Time for a client to send its request's line and headers.
  std::chrono::seconds body_time{60};    ///< Time to send a body that is kept in memory.
  /// Total time for a body that a sink receives; `body_time` is then the longest pause.
  std::chrono::seconds sink_time{3'600};
  std::chrono::seconds answer_time{5};    ///< Time for a client to read its answer, or a piece of a stream.
  std::chrono::seconds stream_time{600};  ///< Total time for a stream.
  std::chrono::seconds idle_time{60};     ///< Time between two requests.
  std::chrono::seconds stop_time{10};     ///< Time for clients to read their last answers at the end.
};

/// The certificate chain of a listener, and its key; both as PEM.
struct HttpIdentity {
  std::string certificate_chain, private_key;
};

/// Numbers about connections.
struct HttpConnections {
  std::size_t open = 0;
  /// Closed before a request, to make room for others, for too many of its address, or for lack of memory.
  std::uint64_t let_go = 0;
};

/// Listens for requests over HTTP/1.1, in plain text or with TLS (1.2 or later), which a door answers.
///
/// Refuses a header that is too large with 431, a body longer than the door admits with 413, an encoded
/// body (gzip) with 415, and a request without a Host with 400; ignores Range. A refusal comes before the
/// body is read, and closes the connection. A late body gets 408; one for which there is no memory now gets
/// 503.
///
/// A stranger is a connection without a request admitted for an asker with a name. If all places are in use,
/// a new connection replaces a stranger in this order: one without an admitted request; one that is reading
/// its immediate answer; one that sends a body. Within each of these kinds, the address with most strangers
/// comes first, then the oldest. Last comes a known connection that waits between two requests. While all
/// others have open requests, a new connection waits in the kernel's queue until the first of them is
/// answered. Threads: its own: one reads and writes, and `answers_max` make answers.
class HttpListener {
 public:
  /// `address`: of this machine, as numbers or a name. Port 0: the system chooses. `identity`: absent: plain
  /// text. Errors: kUnavailable: the port is in use, the address is not this machine's, no threads;
  /// kInvalidArgument: the identity cannot be used. The text is part of a sentence; the caller completes it.
  static absl::StatusOr<std::unique_ptr<HttpListener>> Open(
      const std::string& address, std::uint16_t port, std::shared_ptr<HttpDoor> door,
      const HttpLimits& limits = {}, const std::optional<HttpIdentity>& identity = std::nullopt);
  /// Ends when complete requests have been answered, or after `stop_time` if clients do not read their
  /// answers; incomplete requests are dropped, streams are cut.
  ~HttpListener();
  HttpListener(const HttpListener&) = delete;
  HttpListener& operator=(const HttpListener&) = delete;

  std::uint16_t port() const;
  HttpConnections connections() const;
  /// Used by connections from now on. Errors: kInvalidArgument: it cannot be used; the former one stays.
  /// kFailedPrecondition: this listener uses plain text.
  absl::Status SetIdentity(const HttpIdentity& identity);

 private:
  class Core;
  explicit HttpListener(std::unique_ptr<Core> core);

  const std::unique_ptr<Core> core_;
};

}  // namespace mirror

#endif  // MIRROR_BASE_HTTP_LISTENER_H_
