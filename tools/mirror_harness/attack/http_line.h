#ifndef MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_HTTP_LINE_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_HTTP_LINE_H_

#include <openssl/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/mirror_harness/attack/raw_socket.h"

namespace mirror::harness {

/// The address of an HTTP door and the keys to use there.
struct HttpDoorPlace {
  std::string address;  ///< host:port
  bool tls = false;
  std::string base;           ///< Prefix of each path: "/data-exchange/rest".
  std::string key;            ///< The honest client's key; its role is owner.
  std::string attackers_key;  ///< The key of attackers with a valid key.

  bool known() const { return !address.empty(); }
};

/// Parses "http://127.0.0.1:7447/base". Errors: kInvalidArgument.
absl::StatusOr<HttpDoorPlace> HttpDoorAt(const std::string& url);

/// An answer. Status 0: there was no answer.
struct HttpSaid {
  int status = 0;
  std::string head, body;

  /// Returns the status, such as "200". Without an answer: OPEN if `is_open`, otherwise CLOSED.
  std::string name(bool is_open) const;
};

/// Sends HTTP/1.1 requests as bytes, in plain text or over TLS, also those that a correct client never sends.
/// It accepts any server certificate. Threads: one.
class HttpLine {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  /// Connects. Errors: kUnavailable.
  static absl::StatusOr<HttpLine> Connect(const HttpDoorPlace& door);
  ~HttpLine();
  HttpLine(HttpLine&&) = default;
  HttpLine& operator=(HttpLine&&) = default;

  /// Returns false if the other side is gone or accepts no more bytes.
  bool Send(std::string_view bytes);
  /// Returns the next complete answer; later bytes stay for the next call. Status 0: no answer came.
  HttpSaid Answer(std::chrono::milliseconds patience);
  /// Returns true if the other side closes within `patience`. Bytes that come before stay for Answer().
  bool Closed(std::chrono::milliseconds patience);
  /// Returns true if the other side has closed the connection.
  bool gone() const { return gone_; }
  /// Returns the bytes that were received and not returned yet.
  const std::string& rest() const { return received_; }
  RawSocket& socket() { return socket_; }

  /// Returns a correct request; with a body it has a Content-Length.
  static std::string Request(const HttpDoorPlace& door, std::string_view method, std::string_view path,
                             std::string_view key, const Fields& more = {}, std::string_view body = {});

 private:
  explicit HttpLine(RawSocket socket) : socket_(std::move(socket)) {}
  /// Receives more bytes. Returns false if none came in time or none can come.
  bool Hear(std::chrono::steady_clock::time_point deadline);

  struct FreeTls {
    void operator()(SSL* tls) const;
  };
  RawSocket socket_;
  std::unique_ptr<SSL, FreeTls> tls_;
  std::string received_;
  bool gone_ = false;
};

/// Sends one correct request on a connection of its own.
HttpSaid AskOnce(const HttpDoorPlace& door, const std::string& request, std::chrono::milliseconds patience);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_HTTP_LINE_H_
