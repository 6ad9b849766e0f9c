#include "server/rpc/listener/running_calls.h"

#include <grpcpp/support/method_handler.h>
#include <grpcpp/support/status.h>

#include <utility>

#include "server/rpc/listener/authenticated_traffic.h"

namespace mirror {
namespace {

using grpc::internal::MethodHandler;
using Refusal = grpc::internal::ErrorMethodHandler<grpc::StatusCode::UNAVAILABLE>;

constexpr char kStops[] = "this server stops. Nothing was done; the same call again is safe.";

}  // namespace

class RunningCalls::Handler final : public MethodHandler {
 public:
  Handler(RunningCalls& calls, std::unique_ptr<MethodHandler> handler)
      : calls_(calls), handler_(std::move(handler)) {}

  void RunHandler(const HandlerParameter& parameter) override {
    const std::string peer = PeerName(parameter.server_context->peer());
    if (!calls_.Begin(peer)) return refusal_.RunHandler(parameter);
    handler_->RunHandler(parameter);
    calls_.End(peer);
  }

 private:
  RunningCalls& calls_;
  const std::unique_ptr<MethodHandler> handler_;
  Refusal refusal_{kStops};
};

std::unique_ptr<MethodHandler> RunningCalls::Counted(std::unique_ptr<MethodHandler> handler) {
  return std::make_unique<Handler>(*this, std::move(handler));
}

void RunningCalls::Refuse() {
  const MutexLock lock(mutex_);
  refuses_ = true;
}

std::set<std::string> RunningCalls::TakeBusy() {
  const MutexLock lock(mutex_);
  std::set<std::string> busy = std::exchange(ended_, {});
  for (const auto& [peer, calls] : running_) busy.insert(peer);
  return busy;
}

bool RunningCalls::Begin(const std::string& peer) {
  const MutexLock lock(mutex_);
  if (!refuses_) ++running_[peer];
  return !refuses_;
}

void RunningCalls::End(const std::string& peer) {
  const MutexLock lock(mutex_);
  if (const auto found = running_.find(peer); --found->second == 0) running_.erase(found);
  if (refuses_) ended_.insert(peer);
}

}  // namespace mirror
