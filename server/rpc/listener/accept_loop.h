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
  /// Maximum number of strangers' connections from one address, see AcceptLoop. Without `unvouched` it
  /// applies to all connections.
  std::uint32_t connections_per_address_max = 200;

  /// Limits of bytes on a connection for which no call has vouched (see AuthenticatedTraffic). Absent: bytes
  /// are not counted.
  struct Unvouched {
    AuthenticatedTraffic* vouched = nullptr;  ///< Must outlive the loop.
    /// For a connection for which no call has vouched yet: maximum bytes without an answer of the server in
    /// between. After `patience`: maximum of all its bytes.
    std::uint64_t stranger_max = 0;
    /// For all such connections together: maximum bytes beyond kHandshakeBytes for each. Connections that
    /// made a call without a good token get an eighth of it together.
    std::uint64_t strangers_max = 0;
    std::uint64_t connection_max = 0;  ///< For any other connection.
    /// Maximum number of calls without a message that a connection may make in a tenth of a second.
    std::uint32_t empty_calls_max = 100;
    /// Maximum number of useless calls on all connections together in about a second: calls without a
    /// message, and strangers' calls without a good token. Above it the loop ends connections: first the
    /// strangers that made most of these calls, then sources that did.
    std::uint32_t idle_calls_max = 1'000;
    /// How long a stranger may be a source whose first handler has not begun yet, as on a slow machine.
    std::chrono::milliseconds patience{10'000};
    /// Maximum bytes on all strangers' connections together without an answer of the server in between,
    /// beyond kHandshakeBytes for each. Calls that are cancelled at once get no answer. Each takes thirty
    /// bytes on the wire, and up to 27 KB in this process until a handler has seen it.
    std::uint64_t unanswered_max = std::numeric_limits<std::uint64_t>::max();
    /// If only `few` strangers, or fewer, have sent enough bytes for a message, they may be sources whose
    /// handlers are late. Then the limit for all is `unanswered_of_few_max`.
    std::uint32_t few = 0;
    std::uint64_t unanswered_of_few_max = 0;
    /// Minimum bytes that the endpoint sends in a handshake. They do not count as an answer to a message.
    std::uint64_t handshake_sent = 0;
    /// A client connects before it sends its first bytes. To make room, a stranger that sent nothing is ended
    /// first only after this time.
    std::chrono::milliseconds first_bytes{1'000};
    /// A stranger that sent no byte within this time is ended. 0: no limit.
    std::chrono::milliseconds silence_max{0};
    /// A stranger that sends nothing for this time is ended, unless it holds a stream, see
    /// AuthenticatedTraffic::Hold(). 0: no limit.
    std::chrono::milliseconds idle_max{0};
  };
  std::optional<Unvouched> unvouched;
  /// Addresses without the limit connections_per_address_max, because many clients share the address of a
  /// load balancer.
  AddressRanges unlimited = {};
};

/// Bytes that a TLS handshake needs.
inline constexpr std::uint64_t kHandshakeBytes = 3 << 9;

/// Listens on a port and passes each connection to gRPC. gRPC's own accept loop has two faults: after it once
/// ran out of descriptors it never accepts again (grpc/grpc#20418), and it has no limit for connections.
///
/// When descriptors run out, this loop pauses and then continues. A connection above the limit of its address
/// is closed at once. If all places are taken, a new connection replaces the connection of a stranger, that
/// is, one for which no call has vouched yet. The loop chooses the address with most strangers; there, first
/// a stranger that sent nothing for `first_bytes`, the oldest first. If there is no stranger, the new
/// connection is closed. Idle strangers are ended.
///
/// gRPC owns the connections and does not report when one ends. So when a limit is reached, the loop checks
/// all counted connections. A connection has ended if its descriptor is closed, or is another file (another
/// inode).
///
/// gRPC also does not limit what a connection makes it keep: endless headers in many frames, a hundred
/// unfinished messages, calls cancelled at once. TLS hides the content from other code. But the kernel counts
/// bytes. Ten times a second the loop compares them with the bytes for which the connection's calls vouched.
/// It ends a connection with too large a difference. Strangers are checked two hundred times a second, and
/// the kernel's receive buffer for them (128 KB) does not grow. The bytes of an ended stranger count until
/// gRPC has closed its connection. While they are too many, no new connection is admitted. So a stranger
/// gains nothing by connecting again at once.
///
/// A source is a stranger until the handler of its first call has seen a token; until then no call vouches
/// for its bytes. A client that keeps to HTTP/2 sends no more of a message than it was allowed to, so the
/// endpoint answers every 64 KB. Endless headers get no answer. By this the loop distinguishes the two at
/// once, however late handlers begin.
///
/// Threads: one of its own, between Start and Stop.
class AcceptLoop {
 public:
  /// Takes ownership of a connected, non-blocking socket, and closes it later.
  using Handover = std::function<void(int socket)>;

  /// Binds the port, so that no other process can use it. Errors: kFailedPrecondition: the message names
  /// address and port.
  static absl::StatusOr<std::unique_ptr<AcceptLoop>> Bind(const AcceptOptions& options);
  /// Stops.
  ~AcceptLoop();
  AcceptLoop(const AcceptLoop&) = delete;
  AcceptLoop& operator=(const AcceptLoop&) = delete;

  std::uint16_t port() const { return port_; }
  /// Starts accepting. Called once.
  void Start(Handover handover);
  /// Stops accepting. After it returns, no connection is passed on, and the port is free.
  void Stop();
  /// Closes the connections, except those whose names (see AuthenticatedTraffic) are in `busy`. Data that was
  /// sent on a closed connection still arrives at the client. Called after Stop().
  void CloseAllBut(const std::set<std::string>& busy);

 private:
  struct Connection {
    int socket = -1;
    dev_t device = 0;
    ino_t inode = 0;
    std::string address;
    std::string peer;  ///< Its name in AuthenticatedTraffic.
    std::int64_t began_ms = 0;
    bool is_limited = true;   ///< The limit connections_per_address_max applies.
    bool is_counted = false;  ///< The connection is counted in addresses_.
    // State at the last check:
    TcpTraffic traffic;
    std::uint64_t unvouched = 0;
    std::uint64_t unanswered = 0;   ///< Bytes received without an answer of the server in between.
    std::int64_t over_ms = 0;       ///< When it began to exceed stranger_max; 0: it does not exceed it.
    std::int64_t heard_ms = 0;      ///< When the last byte was received.
    bool known = false;             ///< A call has vouched for the connection.
    bool called = false;            ///< The connection made a call without a good token, or without a
                                    ///< message.
    bool ended = false;             ///< This loop ended the connection; gRPC has not closed it yet.
    double idle_calls = 0;          ///< Number in about a second, see idle_calls_max.
    std::uint32_t empty_calls = 0;  ///< Number since the last check of all connections.
  };

  AcceptLoop(const AcceptOptions& options, int listener, int wake, std::uint16_t port);
  void Run();
  /// Accepts one connection. Returns false if there is nothing more to accept now. `pause`: descriptors ran
  /// out.
  bool AcceptOne(bool* pause);
  enum class Room : std::uint8_t { kFree, kAllTaken, kAddressHasTooMany };
  /// Finds a place for a new connection. If all places are taken, ends the connection of a stranger.
  Room FindRoom(const Connection& newcomer);
  /// Ends the connection of one stranger. Returns false if there is no stranger.
  bool EndAStranger();
  Connection* FindStranger();
  void Count(Connection& connection);
  void Uncount(Connection& connection);
  /// Returns whether the descriptor is still the accepted connection, which means that gRPC has not closed
  /// it.
  static bool IsOpen(const Connection& connection);
  void ForgetEnded();
  /// Ends connections that exceed AcceptOptions::unvouched. `all`: checks all connections, not only
  /// strangers.
  void EndUnvouched(bool all);
  /// Counts what came since the last check. Ends the connection if it exceeds its own limits.
  void Look(Connection& connection, const TcpTraffic& now, const AuthenticatedTraffic::Report& report);
  void LookAtStranger(Connection& connection);
  void EndIdleStrangers();
  /// Ends strangers until all together have at most `most` of `what`. Begins with the greatest product of
  /// this value and the connection's age, because a new source is a stranger, too, and should be ended last.
  /// `callers`: only strangers that made a call without a good token.
  void EndStrangers(bool callers, std::uint64_t Connection::*what, std::uint64_t most);
  /// Returns the bytes that strangers had sent without an answer of the server when they were ended. They
  /// count until gRPC has closed the connection. Above unanswered_max no new connection is admitted.
  std::uint64_t EndedBytes() const;
  void EndWithMostIdleCalls();
  /// A problem that may happen a thousand times a second.
  struct Trouble {
    std::uint64_t times = 0;
    std::int64_t logged_s = 0;
  };
  void End(Connection& connection, const std::string& why, Trouble* trouble);
  /// Writes to the log, at most once in ten seconds.
  void Complain(const std::string& what, Trouble* trouble);

  const AcceptOptions options_;
  int listener_;
  const int wake_;  ///< An eventfd to wake and end the loop.
  const std::uint16_t port_;
  Handover handover_;
  std::vector<Connection> connections_;  ///< Connections that had not ended at the last check.
  std::size_t ended_ = 0;                ///< Number of these that the loop ended and gRPC has not closed yet.
  /// Number of connections for each address, for connections_per_address_max.
  std::unordered_map<std::string, std::uint32_t> addresses_;
  std::int64_t looked_ms_ = 0;  ///< Last check of all connections' bytes, by the steady clock.
  std::int64_t looked_at_strangers_ms_ = 0;
  Trouble full_, address_full_, made_room_, failed_, idle_, unvouched_;
  std::thread thread_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_LISTENER_ACCEPT_LOOP_H_
