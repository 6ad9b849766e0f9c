// RowDataStream of the MirrorService: many requests in one call, each admitted anew.

#include <grpc/grpc.h>

#include <functional>
#include <list>
#include <utility>

#include "base/status_macros.h"
#include "server/rpc/admitted_rows.h"
#include "server/rpc/call_log.h"
#include "server/rpc/encode_outcome.h"
#include "server/rpc/mirror_service.h"
#include "server/rpc/row_decoder.h"
#include "server/rpc/row_pipeline.h"
#include "server/rpc/source_words.h"
#include "server/rpc/stream_messages.h"

namespace mirror {

/// Keeps a stream in the list of those that are open.
class MirrorService::Registered {
 public:
  Registered(MirrorService& service, grpc::ServerContext* context) : service_(service) {
    const MutexLock lock(service_.streams_mutex_);
    service_.streams_.push_front({context, {}, false});
    place_ = service_.streams_.begin();
  }
  ~Registered() {
    const MutexLock lock(service_.streams_mutex_);
    service_.streams_.erase(place_);
  }
  Registered(const Registered&) = delete;
  Registered& operator=(const Registered&) = delete;

  void set_waiting(bool waiting) {
    const MutexLock lock(service_.streams_mutex_);
    place_->waiting = waiting;
    place_->waiting_since = std::chrono::steady_clock::now();
  }

 private:
  MirrorService& service_;
  std::list<OpenStream>::iterator place_;
};

namespace {

/// What returns from a handler cannot end a read of another thread; this does, and the source gets the
/// status.
void EndCall(grpc::ServerContext& context, const absl::Status& status) {
  const grpc::Status answer = SourceStatus(status);
  grpc_call_cancel_with_status(context.c_call(), static_cast<grpc_status_code>(answer.error_code()),
                               answer.error_message().c_str(), nullptr);
}

}  // namespace

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
  return log.Finish(DoStream(caller, context, messages));
}

/// Each step of a message is bound to the file that does it: this one is only told that the stream waits or
/// ends.
absl::Status MirrorService::DoStream(const Caller& caller, grpc::ServerContext* context,
                                     StreamMessages* messages) {
  ASSIGN_OR_RETURN(const std::shared_ptr<Tenant> tenant, tenants_.Find(caller));
  ASSIGN_OR_RETURN(InFlight::Stream held, in_flight_.OpenStream(caller.context_id));
  Registered registered(*this, context);
  const RowDecoder decoder(caller, *tenant, limits_);
  AdmittedRows rows(gate_, *context, caller, *tenant);
  RowPipeline::Hands hands;
  hands.read = std::bind_front(&StreamMessages::Read, messages);
  hands.decode = std::bind_front(&RowDecoder::Decode, &decoder);
  hands.apply = std::bind_front(&AdmittedRows::Apply, &rows);
  hands.encode = EncodeOutcomes;
  hands.write = std::bind_front(&StreamMessages::Write, messages);
  hands.cancelled = [context] { return context->IsCancelled(); };
  hands.abort = [context](const absl::Status& status) { EndCall(*context, status); };
  hands.hold = std::bind_front(&InFlight::Stream::Hold, &held);
  hands.hold_ahead = std::bind_front(&InFlight::Stream::HoldAhead, &held);
  hands.waits = std::bind_front(&Registered::set_waiting, &registered);
  absl::Status status = RowPipeline(std::move(hands)).Run();
  return status.ok() ? messages->fault() : status;
}

}  // namespace mirror
