#ifndef MIRROR_SERVER_RPC_MIRROR_SERVICE_H_
#define MIRROR_SERVER_RPC_MIRROR_SERVICE_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <string>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "mirror/v1/mirror_client.pb.h"
#include "server/plan/caller.h"
#include "server/source/gate.h"
#include "server/source/source_calls.h"
#include "server/watch/counters.h"

namespace mirror {

class StreamMessages;

/// The calls that sources make, as CheckedService passes them on. This class admits them, lets SourceCalls do
/// the work, logs them, and answers through gRPC. Threads: any; gRPC's.
class MirrorService final {
 public:
  /// All arguments must outlive the service.
  MirrorService(Gate& gate, SourceCalls& calls, ServerCounters& counters)
      : gate_(gate), calls_(calls), counters_(counters) {}

  /// Sources that the gate refused, because they could not prove their identity.
  struct Refused {
    std::uint64_t calls = 0;
    std::string last;  ///< The reason for the last refusal.
  };
  /// Returns the refusals since the last call of TakeRefused().
  Refused TakeRefused();
  /// Ends streams that have been waiting for their next message for longer than `patience`. `why`: the status
  /// they get. Called at intervals, because such a stream occupies a thread.
  void EndIdleStreams(std::chrono::milliseconds patience, const absl::Status& why);

  grpc::Status Authenticate(grpc::ServerContext& context, const v1::AuthenticateRequest& request,
                            v1::AuthenticateResponse* response);
  /// Serves a stream. CheckedService has already admitted the call.
  grpc::Status RowDataStream(grpc::ServerContext* context, const Caller& caller, StreamMessages* messages);
  /// Serves any other call, with the name `name`. `work` does the work.
  grpc::Status Serve(const char* name, const grpc::ServerContext& context,
                     const std::function<absl::Status(SourceCalls&, SourceCall&)>& work);

 private:
  /// A RowDataStream that is open.
  struct OpenStream {
    grpc::ServerContext* context = nullptr;
    std::chrono::steady_clock::time_point waiting_since;
    bool waiting = false;
  };
  class ServedStream;

  absl::Status DoStream(const Caller& caller, grpc::ServerContext* context, StreamMessages* messages);

  Gate& gate_;
  SourceCalls& calls_;
  ServerCounters& counters_;
  Mutex refused_mutex_;
  Refused refused_ MIRROR_GUARDED_BY(refused_mutex_);
  Mutex streams_mutex_;
  std::list<OpenStream> streams_ MIRROR_GUARDED_BY(streams_mutex_);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_MIRROR_SERVICE_H_
