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
  std::size_t header_bytes_max = 8 << 10;  ///< Of a request: its line and its headers.
  std::size_t connections_max = 64;
  /// Limits the strangers' connections of one address, see HttpListener. 0: any number. Addresses in
  /// `unlimited` have no such limit.
  std::size_t connections_per_address_max = 0;
  AddressRanges unlimited = AddressRanges::Loopback();
  /// Closes a stranger's connection behind its answer while there are more of them than this.
  std::size_t strangers_kept_max = 16;
  /// In memory at a time, streams with one piece each; whoever asks while there are as many waits.
  std::size_t answers_max = 4;
  /// Of those, by one asker of HttpAdmission: whoever takes its answers slowly leaves some to the others.
  std::size_t answers_of_one_max = 4;
  /// Of bodies that are kept in memory, while they are not whole or wait for their turn: of all together, and
  /// half of it of one asker. At least twice the longest that the door admits.
  std::uint64_t bodies_bytes_max = 64 << 20;
  bool keep_alive = false;               ///< More than one request for each connection.
  std::chrono::seconds request_time{5};  ///< For a client to send its request's line and headers.
  std::chrono::seconds body_time{60};    ///< For it to send a body that is kept in memory.
  /// For a body that a sink takes, in all; `body_time` is then the longest without a byte of it.
  std::chrono::seconds sink_time{3'600};
  std::chrono::seconds answer_time{5};    ///< For it to take its answer, or a piece of a stream.
  std::chrono::seconds stream_time{600};  ///< For a stream in all.
  std::chrono::seconds idle_time{60};     ///< Between two requests.
  std::chrono::seconds stop_time{10};     ///< At the end, for clients to take their last answers.
};

/// The certificate that a listener shows, with those behind it, and its key; both as PEM.
struct HttpIdentity {
  std::string certificate_chain, private_key;
};

/// What became of connections.
struct HttpConnections {
  std::size_t open = 0;
  /// Without having asked, to make room for others, for their address had too many, or for want of memory.
  std::uint64_t let_go = 0;
};

/// Listens for requests over HTTP/1.1, in plain text or with TLS (1.2 or later), and has a door answer them.
///
/// A header that is too large is refused with 431, a body that is longer than the door admits with 413, one
/// that is encoded (gzip) with 415, a request without a Host with 400; Range is not honoured. What is refused
/// is refused before the body is read, and closes the connection. A body that is late is 408, one that there
/// is no memory for now 503.
///
/// A stranger is a connection none of whose requests was admitted for an asker with a name. When all places
/// are taken, a new connection takes that of a stranger that has no request admitted, else of one that still
/// takes what it was answered at once, else of one that sends a body, of the address with most strangers
/// first and the oldest first; at last that of a known one which rests between two requests. While all others
/// have asked, it waits in the kernel's queue, until the first of them is answered. Threads: its own, one
/// that reads and writes, and `answers_max` that make answers.
class HttpListener {
 public:
  /// `address`: of this machine, in numbers or a name. Port 0: the system chooses. `identity`: absent: plain
  /// text. Errors: kUnavailable: the port is taken, the address is not this machine's, no threads;
  /// kInvalidArgument: the identity cannot be used. A part of a sentence, for the caller to end.
  static absl::StatusOr<std::unique_ptr<HttpListener>> Open(
      const std::string& address, std::uint16_t port, std::shared_ptr<HttpDoor> door,
      const HttpLimits& limits = {}, const std::optional<HttpIdentity>& identity = std::nullopt);
  /// Ends when the complete requests have been answered, or their clients have not taken that in `stop_time`;
  /// unfinished ones are dropped, streams are cut.
  ~HttpListener();
  HttpListener(const HttpListener&) = delete;
  HttpListener& operator=(const HttpListener&) = delete;

  std::uint16_t port() const;
  HttpConnections connections() const;
  /// For connections from now on. Errors: kInvalidArgument: it cannot be used; the former one stays.
  /// kFailedPrecondition: this listener is one of plain text.
  absl::Status SetIdentity(const HttpIdentity& identity);

 private:
  class Core;
  explicit HttpListener(std::unique_ptr<Core> core);

  const std::unique_ptr<Core> core_;
};

}  // namespace mirror

#endif  // MIRROR_BASE_HTTP_LISTENER_H_
