#ifndef MIRROR_SERVER_ACCEPT_LOOP_H_
#define MIRROR_SERVER_ACCEPT_LOOP_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/vouched_bytes.h"

namespace mirror {

struct AcceptOptions {
  std::string name;  ///< For the log: "sources", "admin".
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  ///< 0: the system chooses.
  std::uint32_t connections_max = 1'000;
  std::uint32_t connections_per_address_max = 200;

  /// Bytes that may come on a connection beyond what calls vouch for; absent: they are not counted.
  struct Unvouched {
    VouchedBytes* vouched = nullptr;   ///< Must outlive the loop.
    std::uint64_t stranger_max = 0;    ///< On a connection for which nobody vouched yet.
    std::uint64_t strangers_max = 0;   ///< On all of these together.
    std::uint64_t connection_max = 0;  ///< On any other connection.
    /// Calls without a message that a connection may make between two looks, a tenth of a second.
    std::uint32_t empty_calls_max = 100;
  };
  std::optional<Unvouched> unvouched;
};

/// Listens on a port and hands over each connection: gRPC's own loop never accepts again after it once ran
/// out of descriptors (grpc/grpc#20418), and knows no limit of connections.
///
/// When descriptors run out it pauses and goes on. A connection over a limit is closed at once.
/// Nobody tells when a connection ends, since gRPC owns it. So when a limit is reached, all that are counted
/// are looked at: a descriptor that is closed by now, or that is another file (another inode), is a
/// connection that ended.
///
/// Nor does gRPC bound what a connection makes it keep (headers that go on in frame after frame and never
/// end, a hundred unfinished messages, calls that are taken back at once), and within TLS nobody else can
/// look. But the kernel counts bytes: ten times a second they are compared with what the connection's calls
/// vouched for, and one that is far ahead is ended.
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

 private:
  struct Connection {
    int socket = -1;
    dev_t device = 0;
    ino_t inode = 0;
    std::string address;
    std::string peer;  ///< As VouchedBytes names it.
    // As of the last look:
    std::uint64_t received = 0, acknowledged = 0;  ///< As TcpTraffic.
    std::uint64_t unvouched = 0;
    bool known = false;  ///< Somebody vouched for it once.
  };

  AcceptLoop(const AcceptOptions& options, int listener, int wake, std::uint16_t port);
  void Run();
  /// False: nothing more to accept now. `pause`: descriptors ran out.
  bool AcceptOne(bool* pause);
  bool HasRoom(const std::string& address);
  void ForgetEnded();
  /// Ends connections that are over AcceptOptions::unvouched.
  void EndUnvouched();
  /// Counts what came since the last look. False: the connection was ended.
  bool Look(Connection& connection);
  void End(const Connection& connection, const std::string& why);
  /// Something that may happen a thousand times a second.
  struct Trouble {
    std::uint64_t times = 0;
    std::int64_t logged_s = 0;
  };
  /// Writes to the log, but at most every ten seconds.
  void Complain(const std::string& what, Trouble* trouble);

  const AcceptOptions options_;
  int listener_;
  const int wake_;  ///< An eventfd that ends the loop.
  const std::uint16_t port_;
  Handover handover_;
  std::vector<Connection> connections_;             ///< That had not ended when they were last looked at.
  std::map<std::string, std::uint32_t> addresses_;  ///< Connections of each address.
  std::int64_t looked_ms_ = 0;                      ///< At bytes, by the steady clock.
  Trouble full_, failed_, unvouched_;
  std::thread thread_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_ACCEPT_LOOP_H_
