#ifndef MIRROR_SERVER_RPC_LISTENER_ENDPOINT_H_
#define MIRROR_SERVER_RPC_LISTENER_ENDPOINT_H_

#include <grpcpp/impl/service_type.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "server/config/config.h"
#include "server/rpc/listener/accept_loop.h"
#include "server/rpc/listener/authenticated_traffic.h"
#include "server/rpc/listener/handover_threads.h"
#include "server/rpc/listener/held_streams.h"
#include "server/rpc/listener/running_calls.h"

namespace mirror {

/// Serves grpc.health.v1.Health on one port, for the whole server ("") and for the port's one service. The
/// status is SERVING until Stop(). It replaces gRPC's own health service, which accepts any number of watches
/// from any client; each takes 20 KB. Threads: any.
class HealthService final : public HeldService {
 public:
  /// `service`: for example "mirror.v1.MirrorAdmin". Health calls have no token, so each is reported to
  /// `vouched` as an open call; null: it is not reported.
  HealthService(std::string service, AuthenticatedTraffic* vouched);
  ~HealthService() override;

  /// Changes the status to NOT_SERVING, sends it to all watchers, and ends their streams. Returns when all
  /// have ended, or at `until`, because a client may never read.
  void Stop(std::chrono::system_clock::time_point until);
  void EndAll() override;

 private:
  class Stream;
  const std::string service_;
  AuthenticatedTraffic* const vouched_;
  HeldStreams checks_, watches_;
  Mutex mutex_;
  CondVar told_;
  bool stopped_ MIRROR_GUARDED_BY(mutex_) = false;
  std::set<Stream*> watching_ MIRROR_GUARDED_BY(mutex_);
};

/// One port with its calls. Threads: gRPC's, the accept loop's, those that pass connections to gRPC, and one
/// for health calls.
class Listener {
 public:
  struct Options {
    AcceptOptions accept;
    std::shared_ptr<grpc::ServerCredentials> credentials;
    std::string service_name;  ///< "mirror.v1.MirrorAdmin"
    int message_bytes_max = 0;
    /// Maximum number of calls and streams in handlers at the same time. gRPC refuses more with
    /// RESOURCE_EXHAUSTED.
    int threads_max = 0;
    std::size_t memory_bytes_max = 0;  ///< Maximum memory for gRPC's own buffers; above it gRPC closes
                                       ///< connections.
    /// Counts all calls of the service. Null: gRPC ends calls that come during a stop, some of them with
    /// CANCELLED.
    RunningCalls* calls = nullptr;
  };

  /// `service` must outlive the listener.
  static absl::StatusOr<std::unique_ptr<Listener>> Open(const Options& options, grpc::Service* service);
  ~Listener();

  /// Begins to accept connections.
  void Start();
  /// Accepts no new connections and no new calls, and sets the health status to NOT_SERVING. Running calls
  /// may continue until `deadline`; health calls end after the others. Then the connections are closed.
  /// Returns when the last handler has returned.
  void Stop(std::chrono::system_clock::time_point deadline);

  std::uint16_t port() const { return accept_->port(); }

 private:
  Listener() = default;
  /// Closes the connections. Returns when no further call can come.
  void CloseConnections(std::chrono::system_clock::time_point deadline);

  RunningCalls* calls_ = nullptr;
  std::unique_ptr<AcceptLoop> accept_;
  /// Each acceptor takes one connection at a time.
  std::vector<std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor>> acceptors_;
  // The server uses these until it is destroyed.
  std::unique_ptr<HealthService> health_;
  std::unique_ptr<HeldStreamThread> held_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<HandoverThreads> handovers_;
};

/// Returns the address as text: "127.0.0.1:7443" or "[::1]:7443".
std::string AddressText(const std::string& address, std::uint16_t port);

/// For each port, the counter of the bytes for which calls with a good token vouch.
struct VouchedPorts {
  AuthenticatedTraffic* sources = nullptr;
  AuthenticatedTraffic* admin = nullptr;
};

/// Both ports: for sources and for operators. Each has TLS (or none, on loopback), limits and health. The
/// services define the calls.
class Endpoint {
 public:
  /// Binds both ports and reads the certificates. Accepts no connection before Start(). The calls of each
  /// port report to that port's object in `vouched`. `calls` counts the running calls of sources. These
  /// objects, `mirror` and `admin` must outlive the endpoint. Errors: kFailedPrecondition: a port is in use;
  /// as MakeServerCredentials for files.
  static absl::StatusOr<std::unique_ptr<Endpoint>> Open(const ServerConfig& config, grpc::Service* mirror,
                                                        grpc::Service* admin, const VouchedPorts& vouched,
                                                        RunningCalls* calls);
  void Start();
  void Stop(std::chrono::milliseconds patience);

  /// Returns for example "127.0.0.1:7443". The port is the one that the system chose if none was given.
  std::string address() const;
  std::string admin_address() const;

 private:
  Endpoint(std::string address, std::string admin_address)
      : address_(std::move(address)), admin_address_(std::move(admin_address)) {}

  const std::string address_, admin_address_;
  std::unique_ptr<Listener> sources_, operators_;
};

/// Returns the limits of the sources' port for bytes and calls for which no call with a good token vouches.
AcceptOptions::Unvouched UnvouchedLimits(const LimitsConfig& limits, bool tls, AuthenticatedTraffic* vouched);

/// Returns the limits of the operators' port. Bytes are not limited there, because no call comes without a
/// certificate.
AcceptOptions::Unvouched AdminUnvouchedLimits(AuthenticatedTraffic* vouched);

/// Checks that the certificates and keys of both listeners can be used. Errors name the file.
absl::Status CheckListenerFiles(const ServerConfig& config);

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_LISTENER_ENDPOINT_H_
