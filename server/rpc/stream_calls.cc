// RowDataStream of the MirrorService: many requests in one call, each admitted anew.

#include <grpc/grpc.h>

#include <list>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "server/rpc/encode_outcome.h"
#include "server/rpc/mirror_service.h"
#include "server/rpc/row_pipeline.h"
#include "server/rpc/source_words.h"

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

void MirrorService::CancelIdleStreams(std::chrono::milliseconds patience) {
  const auto now = std::chrono::steady_clock::now();
  const MutexLock lock(streams_mutex_);
  for (OpenStream& stream : streams_) {
    if (!stream.waiting || now - stream.waiting_since < patience) continue;
    stream.context->TryCancel();
    stream.waiting = false;
  }
}

grpc::Status MirrorService::RowDataStream(grpc::ServerContext* context, RowStreamEnds* stream) {
  return Admit("RowDataStream", *context,
               [&](const Caller& caller) { return DoStream(caller, context, stream); });
}

absl::Status MirrorService::DoStream(const Caller& caller, grpc::ServerContext* context,
                                     RowStreamEnds* stream) {
  const absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(caller);
  if (!tenant.ok()) return tenant.status();
  absl::StatusOr<InFlight::Stream> held = in_flight_.OpenStream(caller.context_id);
  if (!held.ok()) return held.status();
  Registered registered(*this, context);
  RowPipeline::Hands hands;
  hands.read = [&](v1::RowDataRequest* request, std::shared_ptr<void>* room) {
    return stream->Read(request, room);
  };
  hands.decode = [&](const v1::RowDataRequest& request, RowRequest* rows, v1::RowDataResponse* response) {
    return Decode(caller, **tenant, request, rows, response);
  };
  Standing standing;
  hands.apply = [&](const std::vector<const RowRequest*>& requests) {
    // Here and not where a message is read: what waited must not be applied for a key that is gone by now.
    const absl::Status admitted = gate_.AdmitAgain(*context, caller, NowMs() / 1'000, &standing);
    if (!admitted.ok()) return std::vector<RowAnswer>(requests.size(), admitted);
    return (*tenant)->ApplyAll(caller, requests, NowMs());
  };
  hands.encode = [](const std::vector<BatchOutcome>& outcomes, v1::RowDataResponse* response) {
    for (const BatchOutcome& outcome : outcomes) EncodeOutcome(outcome, response->add_results());
  };
  hands.write = [&](const v1::RowDataResponse& response) { return stream->Write(response); };
  hands.cancelled = [&] { return context->IsCancelled(); };
  // What returns from a handler cannot end a read of another thread; this does, and the source gets the
  // status.
  hands.abort = [&](const absl::Status& status) {
    const grpc::Status answer = SourceStatus(status);
    grpc_call_cancel_with_status(context->c_call(), static_cast<grpc_status_code>(answer.error_code()),
                                 answer.error_message().c_str(), nullptr);
  };
  hands.hold = [&](std::uint64_t bytes) { return held->Hold(bytes); };
  hands.hold_ahead = [&](std::uint64_t bytes) { return held->HoldAhead(bytes); };
  hands.waits = [&](bool waits) { registered.set_waiting(waits); };
  absl::Status status = RowPipeline(std::move(hands)).Run();
  return status.ok() ? stream->fault() : status;
}

}  // namespace mirror
