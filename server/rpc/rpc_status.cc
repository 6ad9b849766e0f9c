#include "server/rpc/rpc_status.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"
#include "base/cut_message.h"
#include "proto/wire/refusal.h"
#include "server/source/source_words.h"

namespace mirror {
namespace {

grpc::Status WithWords(const absl::Status& status, const std::string& words) {
  if (status.ok()) return grpc::Status::OK;
  return {static_cast<grpc::StatusCode>(status.code()), words};  // absl uses gRPC's numbers.
}

}  // namespace

void AddRefusal(const absl::Status& status, grpc::ServerContext* context) {
  status.ForEachPayload([context](absl::string_view name, const absl::Cord& value) {
    const std::string key(name);
    if (key.starts_with(kRefusalPrefix)) context->AddTrailingMetadata(key, std::string(value));
  });
}

grpc::Status ToRpcStatus(const absl::Status& status) {
  return WithWords(status, CutMessage(std::string(status.message())));
}

grpc::Status SourceStatus(const absl::Status& status) {
  return WithWords(status, SourceWords(std::string(status.message())));
}

}  // namespace mirror
