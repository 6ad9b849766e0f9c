#ifndef MIRROR_SERVER_RPC_RPC_CALL_H_
#define MIRROR_SERVER_RPC_RPC_CALL_H_

#include <grpcpp/server_context.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/caller.h"
#include "server/source/gate.h"
#include "server/source/source_call.h"

namespace mirror {

/// Admits any call except Authenticate by its header `authorization`. Errors: as Gate::AdmitHeader().
absl::StatusOr<Caller> AdmitCall(const Gate& gate, const grpc::ServerContext& context);

/// A source's call over gRPC. The constructor's references must outlive it.
class RpcCall final : public SourceCall {
 public:
  RpcCall(const Gate& gate, const grpc::ServerContext& context, Caller caller)
      : SourceCall(std::move(caller)), gate_(gate), context_(context) {}

  bool HasLeft() const override;
  absl::Status AdmitAgain() override;

 private:
  const Gate& gate_;
  const grpc::ServerContext& context_;
  CallerStanding standing_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_RPC_CALL_H_
