#include <grpc/grpc.h>
#include <grpcpp/server_context.h>

#include <list>
#include <memory>
#include <utility>
#include <vector>

#include "base/shared_clock.h"
#include "base/status_macros.h"
#include "server/plan/caller.h"
#include "server/plan/row_request.h"
#include "server/rpc/mirror_service.h"
#include "server/rpc/row_pipeline.h"
#include "server/rpc/rpc_call.h"
#include "server/rpc/rpc_status.h"
#include "server/rpc/stream_messages.h"
#include "server/source/call_log.h"
#include "server/source/encode_outcome.h"
#include "server/source/source_calls.h"

// RowDataStream of the MirrorService: many requests in one call, each admitted anew.

namespace mirror {
namespace {

/// Ends a call, and sends the status to the source. A handler's result cannot end a
/// read of another thread; this function can.
void EndCall(grpc::ServerContext& context, const absl::Status& status) {
  const grpc::Status answer = SourceStatus(status);
  grpc_call_cancel_with_status(context.c_call(), static_cast<grpc_status_code>(answer.error_code()),
                               answer.error_message().c_str(), nullptr);
}

}  // namespace

/// The steps of a message, each in the class that does it. While this object
/// exists, the stream is in the list of open ones.
class MirrorService::ServedStream final : public RowStreamCall {
 public:
  ServedStream(MirrorService& service, grpc::ServerContext& context, RpcCall& call,
               SourceCalls::RowStream rows, StreamMessages& messages)
      : service_(service), context_(context), call_(call), rows_(std::move(rows)), messages_(messages) {
    const MutexLock lock(service_.streams_mutex_);
    service_.streams_.push_front({&context_, {}, false});
    place_ = service_.streams_.begin();
  }
  ~ServedStream() override {
    const MutexLock lock(service_.streams_mutex_);
    service_.streams_.erase(place_);
  }
  ServedStream(const ServedStream&) = delete;
  ServedStream& operator=(const ServedStream&) = delete;

  bool Read(v1::RowDataRequest* message, std::shared_ptr<void>* room) override {
    return messages_.Read(message, room);
  }
  absl::Status Decode(const v1::RowDataRequest& message, RowRequest* rows,
                      v1::RowDataResponse* response) override {
    return rows_.decoder.Decode(message, rows, response);
  }
  std::vector<RowAnswer> Apply(const std::vector<const RowRequest*>& requests) override {
    // Checked here and not at the read: a waiting message must not be applied for a key that is gone now.
    const absl::Status admitted = call_.AdmitAgain();
    if (!admitted.ok()) return std::vector<RowAnswer>(requests.size(), admitted);
    return rows_.tenant->ApplyAll(call_.caller(), requests, SharedNowMs());
  }
  bool Write(const std::vector<BatchOutcome>& outcomes, v1::RowDataResponse* response) override {
    EncodeOutcomes(outcomes, response);
    return messages_.Write(*response);
  }
  bool IsCancelled() const override { return context_.IsCancelled(); }
  void Abort(const absl::Status& status) override { EndCall(context_, status); }
  absl::Status Hold(std::uint64_t bytes) override { return rows_.held.Hold(bytes); }
  bool HoldAhead(std::uint64_t bytes) override { return rows_.held.HoldAhead(bytes); }
  void SetWaiting(bool waits) override {
    const MutexLock lock(service_.streams_mutex_);
    place_->waiting = waits;
    place_->waiting_since = std::chrono::steady_clock::now();
  }

 private:
  MirrorService& service_;
  grpc::ServerContext& context_;
  RpcCall& call_;
  SourceCalls::RowStream rows_;
  StreamMessages& messages_;
  std::list<OpenStream>::iterator place_;
};

void MirrorService::EndIdleStreams(std::chrono::milliseconds patience, const absl::Status& why) {
  const auto now = std::chrono::steady_clock::now();
  const MutexLock lock(streams_mutex_);
  for (OpenStream& stream : streams_) {
    if (!stream.waiting || now - stream.waiting_since < patience) continue;
    EndCall(*stream.context, why);
    stream.waiting = false;
  }
}

grpc::Status MirrorService::RowDataStream(grpc::ServerContext* context, const Caller& caller,
                                          StreamMessages* messages) {
  CallLog log("RowDataStream", counters_);
  log.set_tenant(caller.context_id);
  return SourceStatus(log.Finish(DoStream(caller, context, messages)));
}

absl::Status MirrorService::DoStream(const Caller& caller, grpc::ServerContext* context,
                                     StreamMessages* messages) {
  RpcCall call(gate_, *context, caller);
  ASSIGN_OR_RETURN(SourceCalls::RowStream rows, calls_.OpenStream(call.caller()));
  ServedStream stream(*this, *context, call, std::move(rows), *messages);
  absl::Status status = RowPipeline(stream).Run();
  return status.ok() ? messages->fault() : status;
}

}  // namespace mirror
