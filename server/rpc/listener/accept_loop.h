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
#include "server/rpc/listener/tcp_traffic.h"
#include "server/rpc/listener/vouched_bytes.h"

namespace mirror {

struct AcceptOptions {
  std::string name;  ///< For the log: "sources", "admin".
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  ///< 0: the system chooses.
  std::uint32_t connections_max = 1'000;
  /// Of strangers' connections, see AcceptLoop; without `unvouched` of all.
  std::uint32_t connections_per_address_max = 200;

  /// Bytes that may come on a connection beyond what calls vouch for; absent: they are not counted.
  struct Unvouched {
    VouchedBytes* vouched = nullptr;  ///< Must outlive the loop.
    /// On a connection for which nobody vouched yet: without a word of ours in between, or in all when
    /// `patience` is over.
    std::uint64_t stranger_max = 0;
    /// On all of these together, beyond kHandshakeBytes of each; on those that made a call without a good
    /// token, an eighth of it.
    std::uint64_t strangers_max = 0;
    std::uint64_t connection_max = 0;  ///< On any other connection.
    /// Calls without a message that a connection may make in a tenth of a second.
    std::uint32_t empty_calls_max = 100;
    /// Of all connections together in about a second: calls without a message, and strangers' without a good
    /// token. Over it, strangers that made most of them are ended first, then sources that did.
    std::uint32_t idle_calls_max = 1'000;
    /// A stranger may be a source whose calls' handlers have not begun: a machine may be that late.
    std::chrono::milliseconds patience{10'000};
    /// On all strangers' connections together without a word of ours in between, beyond kHandshakeBytes of
    /// each: calls that are taken back at once get none, and have thirty bytes there and up to 27 KB here
    /// until a handler has seen them.
    std::uint64_t unanswered_max = std::numeric_limits<std::uint64_t>::max();
    /// As long as no more strangers than `few` have sent so much that it may be a message, those few may be
    /// sources whose handlers are late: then together `unanswered_of_few_max`.
    std::uint32_t few = 0;
    std::uint64_t unanswered_of_few_max = 0;
    /// The least that the endpoint sends in a handshake, which is no word about a message.
    std::uint64_t handshake_sent = 0;
    /// A client's first bytes come later than its connection. Where room is made, one that sent none goes
    /// first only behind this time.
    std::chrono::milliseconds first_bytes{1'000};
    /// A stranger that sent no byte within this time is ended. 0: never.
    std::chrono::milliseconds silence_max{0};
    /// A stranger that sends nothing for so long is ended, unless it holds a stream, see
    /// VouchedBytes::Hold(). 0: never.
    std::chrono::milliseconds idle_max{0};
  };
  std::optional<Unvouched> unvouched;
  /// Addresses that connections_per_address_max is not for: a balancer's is that of many clients.
  AddressRanges unlimited = {};
};

/// What a TLS handshake needs.
inline constexpr std::uint64_t kHandshakeBytes = 3 << 9;

/// Listens on a port and hands over each connection: gRPC's own loop never accepts again after it once ran
/// out of descriptors (grpc/grpc#20418), and knows no limit of connections.
///
/// When descriptors run out it pauses and goes on. A connection over the limit of its address is closed at
/// once. Where all places are taken, a new connection takes that of a stranger, one for which nobody vouched
/// yet: of the address with most strangers, one that sent nothing for `first_bytes` before one that did, the
/// oldest first. Only where there is no stranger, the new connection is closed. Strangers that are idle are
/// ended.
/// Nobody tells when a connection ends, since gRPC owns it. So when a limit is reached, all that are counted
/// are looked at: a descriptor that is closed by now, or that is another file (another inode), is a
/// connection that ended.
///
/// Nor does gRPC bound what a connection makes it keep (headers that go on in frame after frame and never
/// end, a hundred unfinished messages, calls that are taken back at once), and within TLS nobody else can
/// look. But the kernel counts bytes: ten times a second they are compared with what the connection's calls
/// vouched for, and one that is far ahead is ended. Strangers, for whom nobody vouched yet, are looked at two
/// hundred times a second, and what the kernel takes of them ahead of gRPC (128 KB) does not grow. What one
/// sent who is ended counts until gRPC has closed him, and while there is too much of it nobody else is let
/// in: who is ended and comes again at once gains nothing.
///
/// A source is a stranger until its first call's handler has seen a token, and what it sends until then is in
/// nobody's hands. But whoever keeps to HTTP/2 sends no more of a message than he was told he may, so the
/// endpoint has a word for each 64 KB; headers that never end get none. That tells them apart at once,
/// however late handlers are.
///
/// Threads: one of its own, between Start and Stop.
class AcceptLoop {
 public:
  /// Takes over a connected socket, which does not block, and closes it one day.
  using Handover = std::function<void(int socket)>;

  /// Binds the port: from now on nobody else can. Errors: kFailedPrecondition naming address and port.
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
  /// Behind Stop(): closes the connections but those whose names, as VouchedBytes has them, are in `busy`.
  /// What was sent on them still arrives.
  void CloseAllBut(const std::set<std::string>& busy);

 private:
  struct Connection {
    int socket = -1;
    dev_t device = 0;
    ino_t inode = 0;
    std::string address;
    std::string peer;  ///< As VouchedBytes names it.
    std::int64_t began_ms = 0;
    bool is_limited = true;   ///< By connections_per_address_max.
    bool is_counted = false;  ///< In addresses_.
    // As of the last look:
    TcpTraffic traffic;
    std::uint64_t unvouched = 0;
    std::uint64_t unanswered = 0;   ///< Received without a word of ours in between.
    std::int64_t over_ms = 0;       ///< Since when it is over stranger_max; 0: it is not.
    std::int64_t heard_ms = 0;      ///< When a byte came last.
    bool known = false;             ///< Somebody vouched for it once.
    bool called = false;            ///< Without a good token, or without a message.
    bool ended = false;             ///< By us; gRPC has not closed it yet.
    double idle_calls = 0;          ///< Of about a second, as idle_calls_max.
    std::uint32_t empty_calls = 0;  ///< Since all connections were looked at.
  };

  AcceptLoop(const AcceptOptions& options, int listener, int wake, std::uint16_t port);
  void Run();
  /// False: nothing more to accept now. `pause`: descriptors ran out.
  bool AcceptOne(bool* pause);
  enum class Room : std::uint8_t { kFree, kAllTaken, kAddressHasTooMany };
  /// Finds a place for a new connection. Where all are taken, it ends a stranger's.
  Room FindRoom(const Connection& newcomer);
  /// False: there is no stranger.
  bool EndAStranger();
  Connection* FindStranger();
  void Count(Connection& connection);
  void Uncount(Connection& connection);
  /// Its descriptor is still the one that was accepted: gRPC has not closed it.
  static bool IsOpen(const Connection& connection);
  void ForgetEnded();
  /// Ends connections that are over AcceptOptions::unvouched. `all`: not only strangers.
  void EndUnvouched(bool all);
  /// Counts what came since the last look, and ends the connection when it is over its own limits.
  void Look(Connection& connection, const TcpTraffic& now, const VouchedBytes::Report& report);
  void LookAtStranger(Connection& connection);
  void EndIdleStrangers();
  /// Those who have had most for longest, until all have no more than `most`. `callers`: only who made a call
  /// without a good token. A source on a new connection is a stranger for a moment, and so among the last.
  void EndStrangers(bool callers, std::uint64_t Connection::*what, std::uint64_t most);
  /// What strangers had sent without a word of ours in between when they were ended, as long as gRPC has not
  /// closed them. Over unanswered_max nobody else is let in.
  std::uint64_t EndedBytes() const;
  void EndWithMostIdleCalls();
  /// Something that may happen a thousand times a second.
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
  std::vector<Connection> connections_;  ///< That had not ended when they were last looked at.
  std::size_t ended_ = 0;                ///< Of these, by us; gRPC has not closed them yet.
  /// Connections of each address, as connections_per_address_max counts them.
  std::unordered_map<std::string, std::uint32_t> addresses_;
  std::int64_t looked_ms_ = 0;  ///< At bytes of all, by the steady clock.
  std::int64_t looked_at_strangers_ms_ = 0;
  Trouble full_, address_full_, made_room_, failed_, idle_, unvouched_;
  std::thread thread_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_LISTENER_ACCEPT_LOOP_H_
