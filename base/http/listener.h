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
  std::size_t header_bytes_max = 8 << 10;  ///< Greatest size of a request's line and headers.
  std::size_t connections_max = 64;
  /// Greatest number of strangers' connections from one address, see HttpListener. 0: no limit. Addresses in
  /// `unlimited` have no limit.
  std::size_t connections_per_address_max = 0;
  AddressRanges unlimited = AddressRanges::Loopback();
  /// If there are more strangers than this number, the listener closes a stranger's connection after its
  /// answer.
  std::size_t strangers_kept_max = 16;
  /// Greatest number of answers in memory at a time; a stream has one piece in memory. Further requests wait.
  std::size_t answers_max = 4;
  /// Greatest number of answers of one asker (HttpAdmission::asker), so that a client that reads slowly does
  /// not block the others.
  std::size_t answers_of_one_max = 4;
  /// Bytes of memory for bodies that are incomplete or wait for a turn, for all connections together. One
  /// asker may use half of it. Must be at least twice the longest body that the door admits.
  std::uint64_t bodies_bytes_max = 64 << 20;
  bool keep_alive = false;               ///< Allows several requests on one connection.
  std::chrono::seconds request_time{5};  ///< Time for a client to send its request's line and headers.
  std::chrono::seconds body_time{60};    ///< Time to send a body that is kept in memory.
  /// Time to send a body that a sink receives. `body_time` is then the longest pause between two pieces.
  std::chrono::seconds sink_time{3'600};
  std::chrono::seconds answer_time{5};    ///< Time for a client to read its answer, or a piece of a stream.
  std::chrono::seconds stream_time{600};  ///< Total time for a stream.
  std::chrono::seconds idle_time{60};     ///< Time between two requests.
  std::chrono::seconds stop_time{10};     ///< Time for clients to read their last answers at the end.
};

/// A listener's certificate chain and its private key, both as PEM.
struct HttpIdentity {
  std::string certificate_chain, private_key;
};

/// Numbers about connections.
struct HttpConnections {
  std::size_t open = 0;
  /// Number of connections that were closed before a request: to make room for others, because of too many
  /// connections from their address, or for lack of memory.
  std::uint64_t let_go = 0;
};

/// Listens for requests over HTTP/1.1, in plain text or with TLS 1.2 or later. A door (HttpDoor) answers
/// them.
///
/// Refuses a header that is too large with 431, a body longer than the door admits with 413, an encoded body
/// (gzip) with 415, and a request without a Host with 400; ignores Range. The listener refuses a request
/// before it reads the body, and then closes the connection. A body that comes too late gets 408. A body for
/// which there is no memory now gets 503.
///
/// A stranger is a connection that had no request admitted for an asker with a name. If all places are in
/// use, the listener closes another connection to make room for a new one. It chooses in this order: a
/// stranger without an admitted request; a stranger that is reading an answer made without a turn; a stranger
/// that sends a body; a known connection that waits between two requests. Among strangers of the same kind,
/// it chooses one of the address with most strangers, and of these the oldest. If all connections have open
/// requests, the new connection waits in the kernel's queue until a request is answered. Threads: its own:
/// one reads and writes, and `answers_max` make answers.
class HttpListener {
 public:
  /// Begins to listen. `address`: an address of this machine, as numbers or a name. Port 0: the system
  /// chooses a port. Absent `identity`: plain text. Errors: kUnavailable: the port is in use, the address is
  /// not one of this machine, or no thread can be started; kInvalidArgument: the identity cannot be used. The
  /// message is a part of a sentence that the caller completes.
  static absl::StatusOr<std::unique_ptr<HttpListener>> Open(
      const std::string& address, std::uint16_t port, std::shared_ptr<HttpDoor> door,
      const HttpLimits& limits = {}, const std::optional<HttpIdentity>& identity = std::nullopt);
  /// Stops. Waits until the complete requests are answered, at most `stop_time` if clients do not read their
  /// answers. Incomplete requests are dropped, and streams are cut.
  ~HttpListener();
  HttpListener(const HttpListener&) = delete;
  HttpListener& operator=(const HttpListener&) = delete;

  std::uint16_t port() const;
  HttpConnections connections() const;
  /// Sets the identity for later connections. Errors: kInvalidArgument: the identity cannot be used, and the
  /// former one stays. kFailedPrecondition: this listener uses plain text.
  absl::Status SetIdentity(const HttpIdentity& identity);

 private:
  class Core;
  explicit HttpListener(std::unique_ptr<Core> core);

  const std::unique_ptr<Core> core_;
};

}  // namespace mirror

#endif  // MIRROR_BASE_HTTP_LISTENER_H_
