#include "server/rpc/rpc_status.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"
#include "base/cut_message.h"
#include "proto/wire/refusal.h"

namespace mirror {

int ToRpcCode(const absl::Status& status) {
  return static_cast<int>(status.code());  // absl took gRPC's numbers.
}

void AddRefusal(const absl::Status& status, grpc::ServerContext* context) {
  status.ForEachPayload([context](absl::string_view name, const absl::Cord& value) {
    const std::string key(name);
    if (key.starts_with(kRefusalPrefix)) context->AddTrailingMetadata(key, std::string(value));
  });
}

grpc::Status ToRpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return {static_cast<grpc::StatusCode>(ToRpcCode(status)), CutMessage(std::string(status.message()))};
}

}  // namespace mirror
