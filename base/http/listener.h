#ifndef MIRROR_BASE_HTTP_LISTENER_H_
#define MIRROR_BASE_HTTP_LISTENER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace mirror {

struct HttpLimits {
  std::size_t header_bytes_max = 8 << 10;  ///< Of a request: its line and its headers.
  std::size_t connections_max = 64;
  std::size_t answers_max = 4;           ///< In memory at a time; whoever asks while there are as many waits.
  std::chrono::seconds request_time{5};  ///< For a client to send its request.
  std::chrono::seconds answer_time{5};   ///< For it to take its answer.
};

struct HttpRequest {
  std::string path;  ///< Up to a '?', as it was sent.
  std::chrono::steady_clock::time_point came = {};
};

struct HttpAnswer {
  int status = 200;
  std::string content_type;
  std::string body;
};

/// A door for whoever looks: GET and HEAD over plain HTTP/1.1, one request for each connection, no TLS, no
/// password. A request with a body is refused unread (413), another method with 405, a header that is too
/// large with 431. When all connections are taken, a new one takes the place of the oldest that has not sent
/// its request; while all of them wait for answers, it waits in the kernel's queue.
/// Threads: its own; the handler is called by any of them, `answers_max` at a time.
class HttpListener {
 public:
  /// What it throws is answered with 500.
  using Handler = std::function<HttpAnswer(const HttpRequest&)>;

  /// `address`: of this machine, in numbers or a name. Port 0: the system chooses.
  /// Errors: kUnavailable: the port is taken, the address is not this machine's, no threads. A part of a
  /// sentence, for the caller to end.
  static absl::StatusOr<std::unique_ptr<HttpListener>> Open(const std::string& address, std::uint16_t port,
                                                            Handler handler, const HttpLimits& limits = {});
  /// Ends when the complete requests have been answered; unfinished ones are dropped.
  ~HttpListener();
  HttpListener(const HttpListener&) = delete;
  HttpListener& operator=(const HttpListener&) = delete;

  std::uint16_t port() const;

 private:
  class Door;
  explicit HttpListener(std::unique_ptr<Door> door);

  const std::unique_ptr<Door> door_;
};

}  // namespace mirror

#endif  // MIRROR_BASE_HTTP_LISTENER_H_
