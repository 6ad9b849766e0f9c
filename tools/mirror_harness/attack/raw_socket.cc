#include "tools/mirror_harness/attack/raw_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mirror::harness {
namespace {

constexpr timeval kSendPatience = {10, 0};

absl::Status NotReached(const std::string& address, const std::string& why) {
  return absl::UnavailableError(absl::StrCat("cannot connect to ", address, ": ", why));
}

}  // namespace

absl::StatusOr<RawSocket> RawSocket::Connect(const std::string& address, const std::string& from) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return NotReached(address, "it is not host:port");
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &found);
  if (code != 0) return NotReached(address, gai_strerror(code));
  const int made = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  RawSocket connection(made);
  sockaddr_in own{};
  own.sin_family = AF_INET;
  // If `from` is no address of this machine, the system chooses one.
  if (found->ai_family == AF_INET && inet_pton(AF_INET, from.c_str(), &own.sin_addr) == 1)
    bind(made, reinterpret_cast<const sockaddr*>(&own), sizeof(own));
  const bool connected = made >= 0 && connect(made, found->ai_addr, found->ai_addrlen) == 0;
  const int error = errno;
  freeaddrinfo(found);
  if (!connected) return NotReached(address, strerror(error));
  setsockopt(made, SOL_SOCKET, SO_SNDTIMEO, &kSendPatience, sizeof(kSendPatience));
  return connection;
}

RawSocket::~RawSocket() {
  if (socket_ >= 0) close(socket_);
}

RawSocket::RawSocket(RawSocket&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}

RawSocket& RawSocket::operator=(RawSocket&& other) noexcept {
  std::swap(socket_, other.socket_);
  return *this;
}

bool RawSocket::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::string RawSocket::Receive(std::chrono::milliseconds patience) {
  std::string said;
  HearUntilClosed(patience, &said);
  return said;
}

bool RawSocket::Closed(std::chrono::milliseconds patience) { return HearUntilClosed(patience, nullptr); }

bool RawSocket::HearUntilClosed(std::chrono::milliseconds patience, std::string* said) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  char piece[4096];
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd waited = {socket_, POLLIN, 0};
    const int ready = poll(&waited, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    const ssize_t bytes = recv(socket_, piece, sizeof(piece), 0);
    if (bytes <= 0) return true;
    if (said != nullptr) said->append(piece, static_cast<std::size_t>(bytes));
  }
}

void RawSocket::Farewell() { shutdown(socket_, SHUT_WR); }

void RawSocket::Reset() {
  const linger at_once = {1, 0};
  setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  close(std::exchange(socket_, -1));
}

std::size_t RaiseDescriptorLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1'024;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

}  // namespace mirror::harness
