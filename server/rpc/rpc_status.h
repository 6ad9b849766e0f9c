#ifndef MIRROR_SERVER_RPC_RPC_STATUS_H_
#define MIRROR_SERVER_RPC_RPC_STATUS_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace mirror {

/// The status of a call, with the same code and its message cut as CutMessage() does.
grpc::Status ToRpcStatus(const absl::Status& status);
/// The same of a source's call: of the message SourceWords().
grpc::Status SourceStatus(const absl::Status& status);

/// What a refusal has for programs (proto/wire/refusal.h) becomes metadata behind the call.
void AddRefusal(const absl::Status& status, grpc::ServerContext* context);

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_RPC_STATUS_H_
