#ifndef MIRROR_SERVER_RPC_RPC_STATUS_H_
#define MIRROR_SERVER_RPC_RPC_STATUS_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace mirror {

/// Returns the status of a call with the same code, and its message cut as CutMessage() does.
grpc::Status ToRpcStatus(const absl::Status& status);
/// Returns the same for a source's call: with the message of SourceWords().
grpc::Status SourceStatus(const absl::Status& status);

/// Adds a refusal's values for programs (proto/wire/refusal.h) as metadata after the call.
void AddRefusal(const absl::Status& status, grpc::ServerContext* context);

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_RPC_STATUS_H_
