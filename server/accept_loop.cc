#include "server/accept_loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

constexpr int kBacklog = 512;
constexpr int kPauseMs = 100;
constexpr std::int64_t kComplainEveryS = 10;
/// Bytes of an IPv6 address that tell one customer from another: each has a whole /64.
constexpr std::size_t kIp6PrefixBytes = 8;

std::int64_t SteadyS() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr_in& ip4() const { return reinterpret_cast<const sockaddr_in&>(storage); }
  const sockaddr_in6& ip6() const { return reinterpret_cast<const sockaddr_in6&>(storage); }
  sockaddr_in& ip4() { return reinterpret_cast<sockaddr_in&>(storage); }
  sockaddr_in6& ip6() { return reinterpret_cast<sockaddr_in6&>(storage); }
  std::uint16_t port() const {
    return ntohs(storage.ss_family == AF_INET6 ? ip6().sin6_port : ip4().sin_port);
  }
};

std::optional<SocketAddress> Parse(const std::string& text, std::uint16_t port) {
  SocketAddress address;
  const char* const literal = text == "localhost" ? "127.0.0.1" : text.c_str();
  if (inet_pton(AF_INET, literal, &address.ip4().sin_addr) == 1) {
    address.ip4().sin_family = AF_INET;
    address.ip4().sin_port = htons(port);
    address.size = sizeof(sockaddr_in);
    return address;
  }
  if (inet_pton(AF_INET6, literal, &address.ip6().sin6_addr) == 1) {
    address.ip6().sin6_family = AF_INET6;
    address.ip6().sin6_port = htons(port);
    address.size = sizeof(sockaddr_in6);
    return address;
  }
  return std::nullopt;
}

/// What connections are counted by. An IPv4 address may come in IPv6's clothes.
std::string CountedAs(const SocketAddress& address) {
  if (address.storage.ss_family != AF_INET6) {
    return {reinterpret_cast<const char*>(&address.ip4().sin_addr), sizeof(in_addr)};
  }
  const auto* const bytes = reinterpret_cast<const char*>(&address.ip6().sin6_addr);
  if (IN6_IS_ADDR_V4MAPPED(&address.ip6().sin6_addr)) return {bytes + 12, sizeof(in_addr)};
  return {bytes, kIp6PrefixBytes};
}

absl::Status CannotListen(const AcceptOptions& options, int error) {
  const std::string where = absl::StrCat(options.address, ":", options.port);
  if (error == EADDRINUSE) {
    return absl::FailedPreconditionError(absl::StrCat("another process listens on ", where, " (",
                                                      options.name,
                                                      "). Stop it, or give this server another port."));
  }
  return absl::FailedPreconditionError(
      absl::StrCat("cannot listen on ", where, " (", options.name, "): ", strerror(error),
                   ". Give an address of this machine and a port that this user may "
                   "take."));
}

}  // namespace

absl::StatusOr<std::unique_ptr<AcceptLoop>> AcceptLoop::Bind(const AcceptOptions& options) {
  std::optional<SocketAddress> address = Parse(options.address, options.port);
  if (!address) {
    return absl::FailedPreconditionError(
        absl::StrCat("'", options.address, "' is no IP address to listen on"));
  }
  const int family = address->storage.ss_family;
  const int listener = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener < 0) return CannotListen(options, errno);
  const int on = 1, off = 0;
  // REUSEADDR for a quick restart; never REUSEPORT, with which a second server would take a part of the
  // calls.
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (family == AF_INET6) setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  SocketAddress bound;
  if (bind(listener, address->get(), address->size) != 0 || listen(listener, kBacklog) != 0 ||
      getsockname(listener, bound.get(), &bound.size) != 0) {
    absl::Status status = CannotListen(options, errno);
    close(listener);
    return status;
  }
  const int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake < 0) {
    absl::Status status = CannotListen(options, errno);
    close(listener);
    return status;
  }
  return std::unique_ptr<AcceptLoop>(new AcceptLoop(options, listener, wake, bound.port()));
}

AcceptLoop::AcceptLoop(const AcceptOptions& options, int listener, int wake, std::uint16_t port)
    : options_(options), listener_(listener), wake_(wake), port_(port) {}

AcceptLoop::~AcceptLoop() {
  Stop();
  close(wake_);
}

void AcceptLoop::Start(Handover handover) {
  handover_ = std::move(handover);
  thread_ = std::thread([this] { Run(); });
}

void AcceptLoop::Stop() {
  if (thread_.joinable()) {
    const std::uint64_t one = 1;
    while (write(wake_, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
    thread_.join();
  }
  if (listener_ >= 0) close(listener_);
  listener_ = -1;
}

void AcceptLoop::Run() {
  pollfd polled[] = {{wake_, POLLIN, 0}, {listener_, POLLIN, 0}};
  bool pause = false;
  while (true) {
    // In a pause only the end is listened for; whoever connects waits in the backlog.
    const int ready = poll(polled, pause ? 1 : 2, pause ? kPauseMs : -1);
    if (ready < 0 && errno != EINTR) pause = true;
    if (ready > 0 && polled[0].revents != 0) return;
    pause = false;
    while (AcceptOne(&pause)) {
    }
  }
}

bool AcceptLoop::AcceptOne(bool* pause) {
  SocketAddress peer;
  const int socket = accept4(listener_, peer.get(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (socket < 0) {
    switch (errno) {
      case EINTR:
      case ECONNABORTED:
        return true;
      case EAGAIN:
        return false;
      default:  // EMFILE, ENFILE, ENOBUFS, ENOMEM, and what the network did to a connection that waited.
        Complain(absl::StrCat("cannot accept a connection: ", strerror(errno)), &failed_);
        *pause = true;
        return false;
    }
  }
  Connection connection{socket, 0, 0, CountedAs(peer)};
  struct stat info {};
  if (!HasRoom(connection.address) || fstat(socket, &info) != 0) {
    Complain(
        "a connection was closed: there are as many as connections_max or connections_per_address_max say",
        &full_);
    close(socket);
    return true;
  }
  connection.device = info.st_dev;
  connection.inode = info.st_ino;
  ++addresses_[connection.address];
  connections_.push_back(std::move(connection));
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  handover_(socket);
  return true;
}

bool AcceptLoop::HasRoom(const std::string& address) {
  const auto full = [&] {
    const auto found = addresses_.find(address);
    return connections_.size() >= options_.connections_max ||
           (found != addresses_.end() && found->second >= options_.connections_per_address_max);
  };
  if (full()) ForgetEnded();
  return !full();
}

void AcceptLoop::ForgetEnded() {
  std::erase_if(connections_, [this](const Connection& connection) {
    struct stat info {};
    const bool open = fstat(connection.socket, &info) == 0 && info.st_dev == connection.device &&
                      info.st_ino == connection.inode;
    if (open) return false;
    const auto found = addresses_.find(connection.address);
    if (--found->second == 0) addresses_.erase(found);
    return true;
  });
}

void AcceptLoop::Complain(const std::string& what, Trouble* trouble) {
  ++trouble->times;
  const std::int64_t now_s = SteadyS();
  if (trouble->logged_s != 0 && now_s - trouble->logged_s < kComplainEveryS) return;
  spdlog::warn("{} on port {}: {} ({} times so far)", options_.name, port_, what, trouble->times);
  trouble->logged_s = now_s;
}

}  // namespace mirror
