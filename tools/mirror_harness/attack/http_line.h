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

/// Where a door for JSON is, and what may be shown there.
struct HttpDoorPlace {
  std::string address;  ///< host:port
  bool tls = false;
  std::string base;           ///< What stands before each path: "/data-exchange/rest".
  std::string key;            ///< The honest client's: an owner's.
  std::string attackers_key;  ///< Shown by attackers that have one.

  bool known() const { return !address.empty(); }
};

/// Of "http://127.0.0.1:7447/base". Errors: kInvalidArgument.
absl::StatusOr<HttpDoorPlace> HttpDoorAt(const std::string& url);

/// One answer. Status 0: there was none.
struct HttpSaid {
  int status = 0;
  std::string head, body;

  /// "200", or CLOSED or OPEN without an answer.
  std::string name(bool is_open) const;
};

/// HTTP/1.1 by hand, over plain text or TLS: requests that a proper client never writes. It believes whatever
/// certificate it is shown. Threads: one.
class HttpLine {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  /// Errors: kUnavailable.
  static absl::StatusOr<HttpLine> Connect(const HttpDoorPlace& door);
  ~HttpLine();
  HttpLine(HttpLine&&) = default;
  HttpLine& operator=(HttpLine&&) = default;

  /// False: the other side is gone, or takes nothing any more.
  bool Send(std::string_view bytes);
  /// The next answer, whole; what comes behind it is kept for the next call. Its status is 0 when none came.
  HttpSaid Answer(std::chrono::milliseconds patience);
  /// Whether the other side closes it within `patience`. What it says before is kept for Answer().
  bool Closed(std::chrono::milliseconds patience);
  /// The other side closed it.
  bool gone() const { return gone_; }
  /// What came and was not given to anybody.
  const std::string& rest() const { return received_; }
  RawSocket& socket() { return socket_; }

  /// A request as it should be; with a body its length is said.
  static std::string Request(const HttpDoorPlace& door, std::string_view method, std::string_view path,
                             std::string_view key, const Fields& more = {}, std::string_view body = {});

 private:
  explicit HttpLine(RawSocket socket) : socket_(std::move(socket)) {}
  /// Takes in what comes next. False: nothing came in time, or never will.
  bool Hear(std::chrono::steady_clock::time_point deadline);

  struct FreeTls {
    void operator()(SSL* tls) const;
  };
  RawSocket socket_;
  std::unique_ptr<SSL, FreeTls> tls_;
  std::string received_;
  bool gone_ = false;
};

/// One proper request on a connection of its own.
HttpSaid AskOnce(const HttpDoorPlace& door, const std::string& request, std::chrono::milliseconds patience);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_HTTP_LINE_H_
