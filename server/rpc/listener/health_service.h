#ifndef MIRROR_SERVER_RPC_LISTENER_HEALTH_SERVICE_H_
#define MIRROR_SERVER_RPC_LISTENER_HEALTH_SERVICE_H_

#include <chrono>
#include <set>
#include <string>

#include "base/mutex.h"
#include "server/rpc/listener/held_streams.h"
#include "server/rpc/listener/vouched_bytes.h"

namespace mirror {

/// grpc.health.v1.Health of one port, for the whole server ("") and for its one service: SERVING until
/// Stop(). gRPC's own takes watches without a bound, each with 20 KB, from anybody.
/// Threads: any.
class HealthService final : public HeldService {
 public:
  /// `service`: "mirror.v1.MirrorAdmin". `vouched` is told of each call, which has no token; null: nobody is.
  HealthService(std::string service, VouchedBytes* vouched);
  ~HealthService() override;

  /// From now on NOT_SERVING; whoever watches is told, and its stream ends. Returns when all are, or at
  /// `until`: a client need not read.
  void Stop(std::chrono::system_clock::time_point until);
  void EndAll() override;

 private:
  class Stream;
  const std::string service_;
  VouchedBytes* const vouched_;
  HeldStreams checks_, watches_;
  Mutex mutex_;
  CondVar told_;
  bool stopped_ MIRROR_GUARDED_BY(mutex_) = false;
  std::set<Stream*> watching_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_LISTENER_HEALTH_SERVICE_H_
