#ifndef MIRROR_SERVER_RPC_LISTENER_ACCEPT_LOOP_H_
#define MIRROR_SERVER_RPC_LISTENER_ACCEPT_LOOP_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/peer_address.h"
#include "server/rpc/listener/authenticated_traffic.h"
#include "server/rpc/listener/tcp_traffic.h"

namespace mirror {

struct AcceptOptions {
  std::string name;  ///< For the log: "sources", "admin".
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  ///< 0: the system chooses.
  std::uint32_t connections_max = 1'000;
  /// Limit for strangers' connections, see AcceptLoop; without `unvouched` for all connections.
  std::uint32_t connections_per_address_max = 200;

  /// Limits of bytes on a connection beyond those that calls vouch for; absent: bytes are not counted.
  struct Unvouched {
    AuthenticatedTraffic* vouched = nullptr;  ///< Must outlive the loop.
    /// On a connection that no call has vouched for yet: bytes without an answer of ours in
    /// between; once `patience` is over, all its bytes.
    std::uint64_t stranger_max = 0;
    /// On all of these together, beyond kHandshakeBytes of each. For those that made a
    /// call without a good token, an eighth of it.
    std::uint64_t strangers_max = 0;
    std::uint64_t connection_max = 0;  ///< On any other connection.
    /// Calls without a message that a connection may make in a tenth of a second.
    std::uint32_t empty_calls_max = 100;
    /// On all connections together in about a second: calls without a message, and strangers' calls without a
    /// good token. Above it the loop ends first the strangers that made most of them, then such sources.
    std::uint32_t idle_calls_max = 1'000;
    /// A stranger may be a source whose calls' handlers have not begun: a slow machine may take this long.
    std::chrono::milliseconds patience{10'000};
    /// On all strangers' connections together without an answer of ours in between, beyond
    /// kHandshakeBytes of each: calls that are cancelled at once get no answer; each takes thirty bytes
    /// on the wire, and up to 27 KB here until a handler has seen it.
    std::uint64_t unanswered_max = std::numeric_limits<std::uint64_t>::max();
    /// If at most `few` strangers have sent so much that it may be a message, they may be sources whose
    /// handlers are late: then the limit for all is `unanswered_of_few_max`.
    std::uint32_t few = 0;
    std::uint64_t unanswered_of_few_max = 0;
    /// The least that the endpoint sends in a handshake, which does not count as an answer to a message.
    std::uint64_t handshake_sent = 0;
    /// A client's first bytes come later than its connection. To make room, a stranger that
    /// sent none is ended first only after this time.
    std::chrono::milliseconds first_bytes{1'000};
    /// A stranger that sent no byte within this time is ended. 0: never.
    std::chrono::milliseconds silence_max{0};
    /// A stranger that sends nothing for so long is ended, unless it holds a
    /// stream, see AuthenticatedTraffic::Hold(). 0: never.
    std::chrono::milliseconds idle_max{0};
  };
  std::optional<Unvouched> unvouched;
  /// Addresses without connections_per_address_max: a balancer's address stands for many clients.
  AddressRanges unlimited = {};
};

/// Bytes that a TLS handshake needs.
inline constexpr std::uint64_t kHandshakeBytes = 3 << 9;

/// Listens on a port and hands each connection to gRPC. gRPC's own loop never accepts again after it once ran
/// out of descriptors (grpc/grpc#20418), and has no limit for connections.
///
/// When descriptors run out, the loop pauses and then continues. A connection over the limit of
/// its address is closed at once. If all places are taken, a new connection replaces a
/// stranger's, one that no call has vouched for yet: at the address with most strangers, first
/// one that sent nothing for `first_bytes`, oldest first. Only if there is no stranger, the new
/// connection is closed. Idle strangers are ended.
/// gRPC owns the connections and does not report when one ends. So when a limit is reached,
/// the loop checks all counted connections: a descriptor that is closed by now, or is another
/// file (another inode), is a connection that ended.
///
/// gRPC does not bound what a connection makes it keep either (endless headers in frame after frame, a
/// hundred unfinished messages, calls cancelled at once), and no other code can look into TLS. But the kernel
/// counts bytes: ten times a second the loop compares them with what the connection's calls vouched for, and
/// ends a connection that is far ahead. It checks strangers, which no call has vouched for yet, two hundred
/// times a second, and the kernel's buffer for them ahead of gRPC (128 KB) does not grow. The bytes of an
/// ended stranger count until gRPC has closed its connection. While there are too many of them, no new
/// connection is admitted: a stranger that comes again at once gains nothing.
///
/// A source is a stranger until the handler of its first call has seen a token, and no call answers
/// for what it sends until then. But a client that keeps to HTTP/2 sends no more of a message than
/// it was allowed, so the endpoint answers each 64 KB; endless headers get no answer. That tells
/// the two apart at once, however late handlers are.
///
/// Threads: one of its own, between Start and Stop.
class AcceptLoop {
 public:
  /// Takes ownership of a connected, non-blocking socket, and closes it at some later time.
  using Handover = std::function<void(int socket)>;

  /// Binds the port: from now on no other process can. Errors: kFailedPrecondition naming address and port.
  static absl::StatusOr<std::unique_ptr<AcceptLoop>> Bind(const AcceptOptions& options);
  /// Stops.
  ~AcceptLoop();
  AcceptLoop(const AcceptLoop&) = delete;
  AcceptLoop& operator=(const AcceptLoop&) = delete;

  std::uint16_t port() const { return port_; }
  /// Starts accepting. Called once.
  void Start(Handover handover);
  /// No connection is handed over after it returns, and the port is free.
  void Stop();
  /// Called after Stop(): closes the connections except those whose names, as AuthenticatedTraffic writes
  /// them, are in `busy`. Data that was sent on them still arrives.
  void CloseAllBut(const std::set<std::string>& busy);

 private:
  struct Connection {
    int socket = -1;
    dev_t device = 0;
    ino_t inode = 0;
    std::string address;
    std::string peer;  ///< The name that AuthenticatedTraffic gives it.
    std::int64_t began_ms = 0;
    bool is_limited = true;   ///< By connections_per_address_max.
    bool is_counted = false;  ///< In addresses_.
    // State at the last check:
    TcpTraffic traffic;
    std::uint64_t unvouched = 0;
    std::uint64_t unanswered = 0;   ///< Received without an answer of ours in between.
    std::int64_t over_ms = 0;       ///< Since when it exceeds stranger_max; 0: it does not.
    std::int64_t heard_ms = 0;      ///< When the last byte came.
    bool known = false;             ///< A call vouched for it once.
    bool called = false;            ///< Made a call without a good token, or without a message.
    bool ended = false;             ///< By this loop; gRPC has not closed it yet.
    double idle_calls = 0;          ///< In about a second, see idle_calls_max.
    std::uint32_t empty_calls = 0;  ///< Since the last check of all connections.
  };

  AcceptLoop(const AcceptOptions& options, int listener, int wake, std::uint16_t port);
  void Run();
  /// False: nothing more to accept now. `pause`: descriptors ran out.
  bool AcceptOne(bool* pause);
  enum class Room : std::uint8_t { kFree, kAllTaken, kAddressHasTooMany };
  /// Finds a place for a new connection. If all are taken, it ends a stranger's connection.
  Room FindRoom(const Connection& newcomer);
  /// Ends one stranger's connection. False: there is no stranger.
  bool EndAStranger();
  Connection* FindStranger();
  void Count(Connection& connection);
  void Uncount(Connection& connection);
  /// Returns whether its descriptor is still the accepted one: gRPC has not closed it.
  static bool IsOpen(const Connection& connection);
  void ForgetEnded();
  /// Ends connections that exceed AcceptOptions::unvouched. `all`: not only strangers.
  void EndUnvouched(bool all);
  /// Counts what came since the last check, and ends the connection when it exceeds its own limits.
  void Look(Connection& connection, const TcpTraffic& now, const AuthenticatedTraffic::Report& report);
  void LookAtStranger(Connection& connection);
  void EndIdleStrangers();
  /// Ends strangers, the greatest product of value and age first, until all together have at most `most`.
  /// `callers`: only those with a call without a good token. A new source is a stranger, too, but ended last.
  void EndStrangers(bool callers, std::uint64_t Connection::*what, std::uint64_t most);
  /// Returns the bytes that strangers had sent without an answer of ours when they were ended, until gRPC has
  /// closed them. Above unanswered_max no new connection is admitted.
  std::uint64_t EndedBytes() const;
  void EndWithMostIdleCalls();
  /// A problem that may happen a thousand times a second.
  struct Trouble {
    std::uint64_t times = 0;
    std::int64_t logged_s = 0;
  };
  void End(Connection& connection, const std::string& why, Trouble* trouble);
  /// Writes to the log, but at most every ten seconds.
  void Complain(const std::string& what, Trouble* trouble);

  const AcceptOptions options_;
  int listener_;
  const int wake_;  ///< An eventfd that ends the loop.
  const std::uint16_t port_;
  Handover handover_;
  std::vector<Connection> connections_;  ///< Those that had not ended at the last check.
  std::size_t ended_ = 0;                ///< Of these, ended by us; gRPC has not closed them yet.
  /// Connections per address, as connections_per_address_max counts them.
  std::unordered_map<std::string, std::uint32_t> addresses_;
  std::int64_t looked_ms_ = 0;  ///< Last check of all connections' bytes, by the steady clock.
  std::int64_t looked_at_strangers_ms_ = 0;
  Trouble full_, address_full_, made_room_, failed_, idle_, unvouched_;
  std::thread thread_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_LISTENER_ACCEPT_LOOP_H_
