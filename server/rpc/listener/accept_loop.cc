#include "server/rpc/listener/accept_loop.h"

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
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/human_text.h"

namespace mirror {
namespace {

constexpr int kBacklog = 512;
constexpr int kPauseMs = 100;
/// Time between two checks of the bytes of all connections, and of strangers.
constexpr int kLookMs = 100, kStrangerLookMs = 5;
/// The part of a former check's calls that remains: about a second is counted.
constexpr double kKeptOfCalls = 0.9;
/// The part of the strangers' common limit for those that made a call, but not with a good token. A source on
/// a new connection never does: it is a stranger only while its first call is on its way.
constexpr std::uint64_t kPartOfCallers = 8;
/// About the bytes of a call without a good token: they are freed, and another limit handles many of them.
constexpr std::uint64_t kTokenlessCallBytes = 2 << 10;
/// Headers with a token and a small message.
constexpr std::uint64_t kFirstCallBytes = 4 << 10;
/// A source with fewer does not count as flooding.
constexpr double kFewCalls = 20;
/// The receiver's bit of SO_BUF_LOCK, in a kernel header that conflicts with the C library's.
constexpr int kReceiveBufferLocked = 2;
/// A client sends one byte for each so many that it gets: acknowledgements of HTTP/2.
constexpr std::uint64_t kSentForEachByte = 64;
/// Our shortest answer that lets a client send 64 KB more has 13 bytes, without TLS.
constexpr std::uint64_t kWindowForEachSentByte = (64 << 10) / 13 + 1;
constexpr std::int64_t kComplainEveryS = 10;
/// Connections that were ended and not closed by gRPC yet. Above it no other one is accepted.
constexpr std::size_t kEndedConnectionsMax = 64;

std::int64_t SteadyMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::int64_t SteadyS() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::uint64_t Beyond(std::uint64_t bytes, std::uint64_t allowed) {
  return bytes > allowed ? bytes - allowed : 0;
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

/// Returns the other end as gRPC names it.
std::string PeerOf(const SocketAddress& address) {
  char text[INET6_ADDRSTRLEN] = {};
  if (address.storage.ss_family != AF_INET6) {
    inet_ntop(AF_INET, &address.ip4().sin_addr, text, sizeof(text));
    return absl::StrCat("ipv4:", text, ":", address.port());
  }
  const in6_addr& ip6 = address.ip6().sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&ip6)) {
    inet_ntop(AF_INET, reinterpret_cast<const char*>(&ip6) + 12, text, sizeof(text));
    return absl::StrCat("ipv4:", text, ":", address.port());
  }
  inet_ntop(AF_INET6, &ip6, text, sizeof(text));
  return absl::StrCat("ipv6:[", text, "]:", address.port());
}

/// Sets whether the kernel may change the size of this socket's receive
/// buffer. Kernels before 5.14 do not have this.
void LockBuffer(int socket, bool lock) {
  const int locked = lock ? kReceiveBufferLocked : 0;
  setsockopt(socket, SOL_SOCKET, SO_BUF_LOCK, &locked, sizeof(locked));
}

/// Ends a connection: gRPC owns the descriptor, and closes it when it sees the end. After a mere shutdown it
/// would first read the kernel's buffer: 128 KB of cancelled calls are 4,000 calls here, of 13 KB each.
void Disconnect(int socket) {
  sockaddr nobody{};
  nobody.sa_family = AF_UNSPEC;
  if (connect(socket, &nobody, sizeof(nobody)) != 0) shutdown(socket, SHUT_RDWR);
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
        absl::StrCat("'", options.address, "' is not an IP address to listen on. Give one of this machine."));
  }
  const int family = address->storage.ss_family;
  const int listener = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener < 0) return CannotListen(options, errno);
  const int on = 1, off = 0;
  // REUSEADDR for a quick restart; never REUSEPORT, with which a second
  // server would take a part of the calls.
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

void AcceptLoop::CloseAllBut(const std::set<std::string>& busy) {
  ForgetEnded();
  for (const Connection& connection : connections_) {
    if (!busy.contains(connection.peer)) shutdown(connection.socket, SHUT_RDWR);
  }
}

void AcceptLoop::Run() {
  pollfd polled[] = {{wake_, POLLIN, 0}, {listener_, POLLIN, 0}};
  bool pause = false;
  while (true) {
    // In a pause it only waits for the end; new clients wait in the backlog.
    const bool look = options_.unvouched && !connections_.empty();
    const bool strangers = look && std::any_of(connections_.begin(), connections_.end(),
                                               [](const Connection& one) { return !one.known; });
    const int look_ms = strangers || ended_ > 0 ? kStrangerLookMs : kLookMs;
    const bool full =
        look && (ended_ >= kEndedConnectionsMax || EndedBytes() > options_.unvouched->unanswered_max);
    const int ready = poll(polled, pause || full ? 1 : 2, pause ? kPauseMs : look ? look_ms : -1);
    if (ready < 0 && errno != EINTR) pause = true;
    if (ready > 0 && polled[0].revents != 0) return;
    pause = false;
    while (!full && ended_ < kEndedConnectionsMax && AcceptOne(&pause)) {
    }
    // Also when one connection follows the other without a pause.
    const std::int64_t now_ms = SteadyMs();
    if (look && now_ms - looked_ms_ >= kLookMs) {
      EndUnvouched(true);
    } else if ((strangers || ended_ > 0) && now_ms - looked_at_strangers_ms_ >= kStrangerLookMs) {
      EndUnvouched(false);
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
      default:  // EMFILE, ENFILE, ENOBUFS, ENOMEM, and network errors of waiting connections.
        Complain(absl::StrCat("cannot accept a connection: ", strerror(errno)), &failed_);
        *pause = true;
        return false;
    }
  }
  Connection connection{.socket = socket,
                        .address = AddressGroup(*peer.get()),
                        .peer = PeerOf(peer),
                        .began_ms = SteadyMs(),
                        .is_limited = !options_.unlimited.Has(*peer.get())};
  connection.heard_ms = connection.began_ms;
  struct stat info {};
  const Room room = fstat(socket, &info) == 0 ? FindRoom(connection) : Room::kAllTaken;
  if (room == Room::kAddressHasTooMany) {
    Complain(absl::StrCat("a connection of ", connection.peer, " was closed: its address has ",
                          options_.connections_per_address_max,
                          " connections without an admitted call (connections_per_address_max)"),
             &address_full_);
  } else if (room == Room::kAllTaken) {
    Complain(absl::StrCat("all places are taken: a connection of ", connection.peer, " was closed, because ",
                          options_.connections_max, " others (connections_max) are in use"),
             &full_);
  }
  if (room != Room::kFree) {
    close(socket);
    return true;
  }
  connection.device = info.st_dev;
  connection.inode = info.st_ino;
  Count(connection);
  if (options_.unvouched) options_.unvouched->vouched->Begin(connection.peer);
  connections_.push_back(std::move(connection));
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (options_.unvouched) LockBuffer(socket, true);
  handover_(socket);
  return true;
}

AcceptLoop::Room AcceptLoop::FindRoom(const Connection& newcomer) {
  const auto has_address_too_many = [&] {
    const auto found = addresses_.find(newcomer.address);
    return newcomer.is_limited && found != addresses_.end() &&
           found->second >= options_.connections_per_address_max;
  };
  const auto are_all_taken = [&] { return connections_.size() - ended_ >= options_.connections_max; };
  if (!has_address_too_many() && !are_all_taken()) return Room::kFree;
  // New ones may come a thousand times a second, and each check costs a system call per connection.
  if (options_.unvouched && SteadyMs() - looked_at_strangers_ms_ >= kStrangerLookMs) {
    EndUnvouched(false);
  } else if (!options_.unvouched || has_address_too_many()) {
    ForgetEnded();
  }
  if (has_address_too_many()) return Room::kAddressHasTooMany;
  if (!are_all_taken() || EndAStranger()) return Room::kFree;
  ForgetEnded();
  return are_all_taken() ? Room::kAllTaken : Room::kFree;
}

bool AcceptLoop::EndAStranger() {
  while (Connection* const stranger = FindStranger()) {
    if (!IsOpen(*stranger)) {
      // It closed, and its descriptor may be that of the new connection by now.
      ForgetEnded();
      return true;
    }
    // It may have sent bytes since the last check, or its call may have been admitted.
    const bool was_silent = stranger->traffic.received == 0;
    Look(*stranger, TrafficOf(stranger->socket).value_or(stranger->traffic),
         options_.unvouched->vouched->Take({&stranger->peer}).front());
    if (stranger->ended) return true;
    if (stranger->known || (was_silent && stranger->traffic.received > 0)) continue;
    End(*stranger, "all places are taken, another connection came, and no call on this one was admitted",
        &made_room_);
    return true;
  }
  return false;
}

AcceptLoop::Connection* AcceptLoop::FindStranger() {
  if (!options_.unvouched) return nullptr;
  const std::int64_t now_ms = SteadyMs(), first_bytes_ms = options_.unvouched->first_bytes.count();
  Connection* found = nullptr;
  bool is_found_silent = false;
  std::uint32_t most = 0;
  for (Connection& one : connections_) {
    if (one.known || one.ended) continue;
    const auto counted = one.is_limited ? addresses_.find(one.address) : addresses_.end();
    const std::uint32_t of_address = counted == addresses_.end() ? 1 : counted->second;
    const bool is_silent = one.traffic.received == 0 && now_ms - one.began_ms >= first_bytes_ms;
    if (found != nullptr && of_address < most) continue;
    if (found != nullptr && of_address == most && (!is_silent || is_found_silent)) continue;
    found = &one;
    most = of_address;
    is_found_silent = is_silent;
  }
  return found;
}

void AcceptLoop::Count(Connection& connection) {
  if (!connection.is_limited) return;
  ++addresses_[connection.address];
  connection.is_counted = true;
}

void AcceptLoop::Uncount(Connection& connection) {
  if (!std::exchange(connection.is_counted, false)) return;
  const auto found = addresses_.find(connection.address);
  if (--found->second == 0) addresses_.erase(found);
}

bool AcceptLoop::IsOpen(const Connection& connection) {
  struct stat info {};
  return fstat(connection.socket, &info) == 0 && info.st_dev == connection.device &&
         info.st_ino == connection.inode;
}

void AcceptLoop::ForgetEnded() {
  std::erase_if(connections_, [this](Connection& connection) {
    if (IsOpen(connection)) return false;
    Uncount(connection);
    ended_ -= connection.ended ? 1 : 0;
    if (options_.unvouched) options_.unvouched->vouched->End(connection.peer);
    return true;
  });
}

void AcceptLoop::EndUnvouched(bool all) {
  const AcceptOptions::Unvouched& limits = *options_.unvouched;
  looked_at_strangers_ms_ = SteadyMs();
  if (all) looked_ms_ = looked_at_strangers_ms_;
  ForgetEnded();
  // Traffic before reports: bytes that come after a call was admitted must not count
  // against a connection that was still a stranger.
  std::vector<Connection*> seen;
  std::vector<const std::string*> peers;
  std::vector<TcpTraffic> traffic;
  for (Connection& connection : connections_) {
    if (connection.ended || (connection.known && !all)) continue;
    seen.push_back(&connection);
    peers.push_back(&connection.peer);
    traffic.push_back(TrafficOf(connection.socket).value_or(connection.traffic));
  }
  const std::vector<AuthenticatedTraffic::Report> reports = limits.vouched->Take(peers);
  for (std::size_t i = 0; i < seen.size(); ++i) Look(*seen[i], traffic[i], reports[i]);
  if (all) {
    for (Connection& connection : connections_) {
      connection.empty_calls = 0;
      connection.idle_calls *= kKeptOfCalls;
    }
  }
  EndStrangers(true, &Connection::unvouched, limits.strangers_max / kPartOfCallers);
  EndStrangers(false, &Connection::unvouched, limits.strangers_max);
  const auto busy = std::count_if(connections_.begin(), connections_.end(), [](const Connection& one) {
    return !one.known && one.unanswered > kHandshakeBytes + kFirstCallBytes;
  });
  EndStrangers(false, &Connection::unanswered,
               busy <= limits.few ? std::max(limits.unanswered_max, limits.unanswered_of_few_max)
                                  : limits.unanswered_max);
  EndWithMostIdleCalls();
  EndIdleStrangers();
}

void AcceptLoop::EndIdleStrangers() {
  const AcceptOptions::Unvouched& limits = *options_.unvouched;
  const auto is_over = [this](std::int64_t since_ms, std::chrono::milliseconds most) {
    return most.count() > 0 && looked_at_strangers_ms_ - since_ms >= most.count();
  };
  for (Connection& one : connections_) {
    if (one.known || one.ended) continue;
    if (one.traffic.received == 0 && is_over(one.began_ms, limits.silence_max)) {
      End(one, absl::StrCat("it sent nothing for ", SpanText(limits.silence_max.count())), &idle_);
    } else if (is_over(one.heard_ms, limits.idle_max) && !limits.vouched->Holds(one.peer)) {
      End(one,
          absl::StrCat("no call on it was admitted, and it sent nothing for ",
                       SpanText(limits.idle_max.count())),
          &idle_);
    }
  }
}

void AcceptLoop::EndStrangers(bool callers, std::uint64_t Connection::*what, std::uint64_t most) {
  struct Stranger {
    Connection* connection;
    std::uint64_t bytes;
    double byte_ms;
  };
  std::vector<Stranger> strangers;
  std::uint64_t bytes = 0;
  for (Connection& one : connections_) {
    if (one.known || one.*what <= kHandshakeBytes || (callers && !one.called)) continue;
    const std::uint64_t beyond = one.*what - kHandshakeBytes;
    bytes += beyond;
    if (one.ended) continue;  // The state of its bytes stays until gRPC closes it.
    const std::int64_t age_ms = looked_at_strangers_ms_ - one.began_ms + 1;
    strangers.push_back({&one, beyond, static_cast<double>(beyond) * static_cast<double>(age_ms)});
  }
  if (bytes <= most) return;
  std::stable_sort(strangers.begin(), strangers.end(),
                   [](const Stranger& a, const Stranger& b) { return a.byte_ms > b.byte_ms; });
  for (const Stranger& stranger : strangers) {
    if (bytes <= most) break;
    bytes -= stranger.bytes;
    End(*stranger.connection, "too many bytes came from callers without a token", &unvouched_);
  }
}

std::uint64_t AcceptLoop::EndedBytes() const {
  std::uint64_t bytes = 0;
  for (const Connection& one : connections_) {
    if (one.ended && !one.known) bytes += Beyond(one.unanswered, kHandshakeBytes);
  }
  return bytes;
}

void AcceptLoop::EndWithMostIdleCalls() {
  std::vector<Connection*> callers;
  double calls = 0;
  for (Connection& connection : connections_) {
    calls += connection.idle_calls;
    if (!connection.ended && connection.idle_calls > (connection.known ? kFewCalls : 0))
      callers.push_back(&connection);
  }
  if (calls <= options_.unvouched->idle_calls_max) return;
  std::sort(callers.begin(), callers.end(), [](const Connection* a, const Connection* b) {
    return std::pair(a->known, -a->idle_calls) < std::pair(b->known, -b->idle_calls);
  });
  for (Connection* const connection : callers) {
    if (calls <= options_.unvouched->idle_calls_max) break;
    calls -= std::exchange(connection->idle_calls, 0);
    End(*connection, "too many calls were cancelled or refused", &unvouched_);
  }
}

void AcceptLoop::Look(Connection& connection, const TcpTraffic& now,
                      const AuthenticatedTraffic::Report& report) {
  const AcceptOptions::Unvouched& limits = *options_.unvouched;
  const TcpTraffic before = std::exchange(connection.traffic, now);
  const bool known = connection.known || report.bytes + report.other_bytes > 0;
  if (known && !connection.known) {
    LockBuffer(connection.socket, false);
    Uncount(connection);
  }
  connection.known = known;
  connection.called = connection.called || report.empty_calls + report.refused_calls > 0;
  const std::uint32_t tokenless = report.refused_calls + report.open_calls;
  // Nothing is saved up: vouching for more than came gives no credit for later bytes.
  const std::uint64_t came = now.received - before.received;
  if (came > 0) connection.heard_ms = SteadyMs();
  const std::uint64_t answered = report.bytes + report.other_bytes +
                                 (now.acknowledged - before.acknowledged) / kSentForEachByte +
                                 tokenless * kTokenlessCallBytes;
  connection.unvouched = Beyond(connection.unvouched + came, answered);
  const std::uint64_t words = Beyond(now.sent, std::max(before.sent, limits.handshake_sent));
  connection.unanswered = Beyond(connection.unanswered + came, words * kWindowForEachSentByte);
  connection.empty_calls += report.empty_calls;
  connection.idle_calls += report.empty_calls + (known ? 0 : tokenless);
  if (connection.empty_calls > limits.empty_calls_max) {
    End(connection, absl::StrCat(connection.empty_calls, " calls were cancelled as soon as they came"),
        &unvouched_);
  } else if (!known) {
    LookAtStranger(connection);
  } else if (connection.unvouched > limits.connection_max) {
    End(connection, absl::StrCat(connection.unvouched, " bytes came outside calls with a token"),
        &unvouched_);
  }
}

void AcceptLoop::LookAtStranger(Connection& connection) {
  const AcceptOptions::Unvouched& limits = *options_.unvouched;
  if (connection.unanswered > limits.stranger_max) {
    End(connection, absl::StrCat(connection.unanswered, " bytes of headers came without an end"),
        &unvouched_);
  } else if (connection.unvouched <= limits.stranger_max) {
    connection.over_ms = 0;
  } else if (connection.over_ms == 0) {
    connection.over_ms = looked_at_strangers_ms_;
  }
  if (connection.over_ms != 0 && looked_at_strangers_ms_ - connection.over_ms >= limits.patience.count())
    End(connection, absl::StrCat(connection.unvouched, " bytes came outside calls with a token"),
        &unvouched_);
}

void AcceptLoop::End(Connection& connection, const std::string& why, Trouble* trouble) {
  if (std::exchange(connection.ended, true)) return;
  Disconnect(connection.socket);
  ++ended_;
  Uncount(connection);
  Complain(absl::StrCat("a connection of ", connection.peer, " was ended: ", why), trouble);
}

void AcceptLoop::Complain(const std::string& what, Trouble* trouble) {
  ++trouble->times;
  const std::int64_t now_s = SteadyS();
  if (trouble->logged_s != 0 && now_s - trouble->logged_s < kComplainEveryS) return;
  spdlog::warn("{} on port {}: {} ({} times so far)", options_.name, port_, what, trouble->times);
  trouble->logged_s = now_s;
}

}  // namespace mirror
