#ifndef MIRROR_CLIENT_WIRE_SILENCE_WATCH_H_
#define MIRROR_CLIENT_WIRE_SILENCE_WATCH_H_

#include <grpcpp/client_context.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "absl/status/status.h"

namespace mirror {

/// Ends a call in which somebody waits too long for one step of it. A stream may last for days, so a deadline
/// of the whole call says nothing; and an endpoint that answers pings keeps the connection alive though it
/// never answers.
///
/// Threads: one of its own; Begin() and End() by the one that waits.
class SilenceWatch {
 public:
  /// `context` outlives it.
  SilenceWatch(grpc::ClientContext& context, std::chrono::milliseconds max) : context_(context), max_(max) {}
  ~SilenceWatch();
  SilenceWatch(const SilenceWatch&) = delete;
  SilenceWatch& operator=(const SilenceWatch&) = delete;

  /// Errors: the system gives no thread.
  absl::Status Start();
  /// Around each step that waits for the endpoint.
  void Begin();
  void End();
  /// Whether it ended the call.
  bool ended() const;
  std::chrono::milliseconds max() const { return max_; }

 private:
  void Watch();

  grpc::ClientContext& context_;
  const std::chrono::milliseconds max_;
  mutable std::mutex mutex_;
  std::condition_variable woken_;
  std::optional<std::chrono::steady_clock::time_point> waiting_since_;
  bool ended_ = false, over_ = false;
  std::thread thread_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_WIRE_SILENCE_WATCH_H_
