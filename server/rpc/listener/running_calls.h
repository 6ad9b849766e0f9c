#ifndef MIRROR_SERVER_RPC_LISTENER_RUNNING_CALLS_H_
#define MIRROR_SERVER_RPC_LISTENER_RUNNING_CALLS_H_

#include <grpcpp/impl/rpc_service_method.h>

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/mutex.h"

namespace mirror {

/// Counts the calls in handlers, by connection. While gRPC shuts down, it ends a new call before its handler
/// with CANCELLED, as if the caller had cancelled it. So a listener shuts gRPC down only when no further call
/// can come. After Refuse() new calls get UNAVAILABLE, and each connection is closed when its calls have been
/// answered. Threads: any.
class RunningCalls {
 public:
  /// Wraps `handler` so that each call is counted until its answer was sent. This object must outlive the
  /// result.
  std::unique_ptr<grpc::internal::MethodHandler> Counted(
      std::unique_ptr<grpc::internal::MethodHandler> handler);

  /// Refuses all new calls, with the error that the server stops and that nothing was done.
  void Refuse() MIRROR_EXCLUDES(mutex_);
  /// Returns the connections on which calls run, or ended since the last TakeBusy(), by their names in
  /// AuthenticatedTraffic. Called after Refuse().
  std::set<std::string> TakeBusy() MIRROR_EXCLUDES(mutex_);

 private:
  class Handler;
  /// Counts a call that begins. Returns false if the call must be refused.
  bool Begin(const std::string& peer) MIRROR_EXCLUDES(mutex_);
  void End(const std::string& peer) MIRROR_EXCLUDES(mutex_);

  Mutex mutex_;
  bool refuses_ MIRROR_GUARDED_BY(mutex_) = false;
  std::map<std::string, std::uint32_t> running_ MIRROR_GUARDED_BY(mutex_);
  std::set<std::string> ended_ MIRROR_GUARDED_BY(mutex_);  ///< Since Refuse().
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_LISTENER_RUNNING_CALLS_H_
