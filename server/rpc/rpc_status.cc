#include "server/rpc/rpc_status.h"

#include <string>

#include "base/cut_message.h"

namespace mirror {

int ToRpcCode(const absl::Status& status) {
  return static_cast<int>(status.code());  // absl took gRPC's numbers.
}

grpc::Status ToRpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return {static_cast<grpc::StatusCode>(ToRpcCode(status)), CutMessage(std::string(status.message()))};
}

}  // namespace mirror
