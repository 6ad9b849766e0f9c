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

/// Counts the calls whose handlers are at work, by connection. gRPC ends a call that comes while it shuts
/// down, before its handler begins, with CANCELLED, as if its caller had cancelled it. So a listener shuts
/// gRPC down when no call can come any more: after Refuse() new calls are UNAVAILABLE, and connections are
/// closed as soon as their calls have been answered. Threads: any.
class RunningCalls {
 public:
  /// Wraps `handler`, and counts each call until its answer has left. This object must outlive the result.
  std::unique_ptr<grpc::internal::MethodHandler> Counted(
      std::unique_ptr<grpc::internal::MethodHandler> handler);

  /// From now on no call begins: each gets the error that the server stops, and that nothing was done.
  void Refuse() MIRROR_EXCLUDES(mutex_);
  /// Called after Refuse(): returns the connections on which calls run, or have ended since
  /// the last call of this; named as in AuthenticatedTraffic.
  std::set<std::string> TakeBusy() MIRROR_EXCLUDES(mutex_);

 private:
  class Handler;
  /// Counts a call that begins. False: the call must be refused.
  bool Begin(const std::string& peer) MIRROR_EXCLUDES(mutex_);
  void End(const std::string& peer) MIRROR_EXCLUDES(mutex_);

  Mutex mutex_;
  bool refuses_ MIRROR_GUARDED_BY(mutex_) = false;
  std::map<std::string, std::uint32_t> running_ MIRROR_GUARDED_BY(mutex_);
  std::set<std::string> ended_ MIRROR_GUARDED_BY(mutex_);  ///< Since Refuse().
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_LISTENER_RUNNING_CALLS_H_
