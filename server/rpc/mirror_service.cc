#include "server/rpc/mirror_service.h"

#include <utility>

#include "server/rpc/rpc_call.h"
#include "server/rpc/rpc_status.h"
#include "server/source/call_log.h"

namespace mirror {

MirrorService::Refused MirrorService::TakeRefused() {
  const MutexLock lock(refused_mutex_);
  return std::exchange(refused_, {});
}

grpc::Status MirrorService::Serve(const char* name, const grpc::ServerContext& context,
                                  const std::function<absl::Status(SourceCalls&, SourceCall&)>& work) {
  CallLog log(name, counters_);
  absl::StatusOr<Caller> caller = AdmitCall(gate_, context);
  if (!caller.ok()) return SourceStatus(log.Finish(caller.status()));
  log.set_tenant(caller->context_id);
  RpcCall call(gate_, context, *std::move(caller));
  return SourceStatus(log.Finish(work(calls_, call)));
}

grpc::Status MirrorService::Authenticate(grpc::ServerContext& context, const v1::AuthenticateRequest& request,
                                         v1::AuthenticateResponse* response) {
  CallLog log("Authenticate", counters_);
  absl::StatusOr<Caller> caller = gate_.AdmitToken(request.request_token());
  absl::Status done = caller.status();
  if (caller.ok()) {
    log.set_tenant(caller->context_id);
    RpcCall call(gate_, context, *std::move(caller));
    done = calls_.Authenticate(call, request, response);
  } else {
    const MutexLock lock(refused_mutex_);
    ++refused_.calls;
    refused_.last = std::string(done.message());
  }
  AddRefusal(done, &context);
  return SourceStatus(log.Finish(std::move(done)));
}

}  // namespace mirror
