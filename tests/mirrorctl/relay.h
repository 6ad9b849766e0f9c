#ifndef MIRROR_TESTS_MIRRORCTL_RELAY_H_
#define MIRROR_TESTS_MIRRORCTL_RELAY_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <thread>
#include <utility>

namespace mirror {

/// A port of loopback that passes one connection on to another port of loopback until it is cut.
class Relay {
 public:
  /// `passed` hears how many bytes came from the caller's side.
  explicit Relay(int port, std::function<void(std::size_t)> passed = nullptr)
      : passed_(std::move(passed)), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in here = At(0);
    socklen_t size = sizeof(here);
    if (bind(listener_, reinterpret_cast<const sockaddr*>(&here), size) != 0 || listen(listener_, 1) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&here), &size) != 0) {
      std::abort();
    }
    port_ = ntohs(here.sin_port);
    thread_ = std::thread([this, port] { Pass(port); });
  }
  ~Relay() {
    Cut();
    thread_.join();
    close(listener_);
  }
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  int port() const { return port_; }
  void Cut() { cut_ = true; }

 private:
  static constexpr int kLookMs = 10;

  static sockaddr_in At(int port) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<in_port_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }

  /// Waits until one of them can be read, or the relay is cut.
  template <std::size_t count>
  bool Wait(std::array<pollfd, count>& sockets) const {
    while (!cut_) {
      if (poll(sockets.data(), count, kLookMs) > 0) return true;
    }
    return false;
  }

  void Pass(int port) const {
    std::array<pollfd, 1> listening = {{{listener_, POLLIN, 0}}};
    if (!Wait(listening)) return;
    const int near = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    const int far = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in there = At(port);
    bool open = connect(far, reinterpret_cast<const sockaddr*>(&there), sizeof(there)) == 0;
    std::array<pollfd, 2> ends = {{{near, POLLIN, 0}, {far, POLLIN, 0}}};
    while (open && Wait(ends)) {
      for (const pollfd& end : ends) {
        if (end.revents == 0) continue;
        std::array<char, 16'384> bytes;
        const ssize_t count = read(end.fd, bytes.data(), bytes.size());
        open = open && count > 0 &&
               send(end.fd == near ? far : near, bytes.data(), static_cast<std::size_t>(count),
                    MSG_NOSIGNAL) == count;
        if (open && passed_ && end.fd == near) passed_(static_cast<std::size_t>(count));
      }
    }
    close(near);
    close(far);
  }

  const std::function<void(std::size_t)> passed_;
  const int listener_;
  int port_ = 0;
  std::atomic<bool> cut_ = false;
  std::thread thread_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_MIRRORCTL_RELAY_H_
