#include "server/rpc/rpc_call.h"

#include <chrono>
#include <iterator>
#include <string_view>

#include "base/shared_clock.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

absl::StatusOr<std::string_view> OnlyHeader(const grpc::ServerContext& context) {
  const auto [first, last] = context.client_metadata().equal_range("authorization");
  if (first == last) return BadHeader("the call has no authorization header");
  if (std::next(first) != last) return BadHeader("the call has several authorization headers");
  return std::string_view(first->second.data(), first->second.size());
}

}  // namespace

absl::StatusOr<Caller> AdmitCall(const Gate& gate, const grpc::ServerContext& context) {
  ASSIGN_OR_RETURN(const std::string_view header, OnlyHeader(context));
  return gate.AdmitHeader(header);
}

bool RpcCall::HasLeft() const {
  return context_.IsCancelled() || context_.deadline() < std::chrono::system_clock::now();
}

absl::Status RpcCall::AdmitAgain() {
  ASSIGN_OR_RETURN(const std::string_view header, OnlyHeader(context_));
  return gate_.AdmitHeaderAgain(header, caller(), SharedNowMs() / 1'000, &standing_);
}

}  // namespace mirror
