#ifndef MIRROR_TESTS_SUPPORT_RAW_HTTP_H_
#define MIRROR_TESTS_SUPPORT_RAW_HTTP_H_

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string>

namespace mirror {

/// A connection to a port of this machine, for what no HTTP library would send.
class RawHttp {
 public:
  /// `from`: the own address, another one of this machine.
  explicit RawHttp(std::uint16_t port, const char* from = nullptr)
      : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    if (from != nullptr) {
      to.sin_family = AF_INET;
      EXPECT_EQ(inet_pton(AF_INET, from, &to.sin_addr), 1);
      EXPECT_EQ(bind(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
    }
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(port);
    EXPECT_EQ(connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
  }
  ~RawHttp() { close(socket_); }
  RawHttp(const RawHttp&) = delete;
  RawHttp& operator=(const RawHttp&) = delete;

  /// False: the other end is gone.
  bool Send(const std::string& text) {
    return send(socket_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  /// All that comes until the other end closes.
  std::string Receive() {
    std::string answer;
    char piece[4096];
    for (ssize_t got = 0; (got = recv(socket_, piece, sizeof(piece), 0)) > 0;) {
      answer.append(piece, static_cast<std::size_t>(got));
    }
    return answer;
  }
  /// Reads until `text` came. False: the other end closed before.
  bool ReceiveUntil(const std::string& text) {
    std::string answer;
    char piece[4096];
    for (ssize_t got = 0; answer.find(text) == std::string::npos;) {
      if ((got = recv(socket_, piece, sizeof(piece), 0)) <= 0) return false;
      answer.append(piece, static_cast<std::size_t>(got));
    }
    return true;
  }
  std::string Ask(const std::string& text) {
    Send(text);
    return Receive();
  }

 private:
  int socket_;
};

inline std::string HttpGet(std::uint16_t port, const std::string& path) {
  return RawHttp(port).Ask("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_RAW_HTTP_H_
