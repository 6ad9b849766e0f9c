#ifndef MIRROR_SERVER_RPC_RPC_STATUS_H_
#define MIRROR_SERVER_RPC_RPC_STATUS_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace mirror {

/// Returns the gRPC status with the same code. Its message is truncated as CutMessage() does.
grpc::Status ToRpcStatus(const absl::Status& status);
/// Returns the status for a source's call: with SourceWords() of the message.
grpc::Status SourceStatus(const absl::Status& status);

/// Adds the refusal's values for programs (proto/wire/refusal.h) to the metadata that follows the call.
void AddRefusal(const absl::Status& status, grpc::ServerContext* context);

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_RPC_STATUS_H_
