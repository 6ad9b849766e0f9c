#ifndef MIRROR_CLIENT_WIRE_SILENCE_WATCH_H_
#define MIRROR_CLIENT_WIRE_SILENCE_WATCH_H_

#include <grpcpp/client_context.h>

#include <chrono>
#include <optional>
#include <thread>

#include "absl/status/status.h"
#include "base/mutex.h"

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
  mutable Mutex mutex_;
  CondVar woken_;
  std::optional<std::chrono::steady_clock::time_point> waiting_since_ MIRROR_GUARDED_BY(mutex_);
  bool ended_ MIRROR_GUARDED_BY(mutex_) = false;
  bool over_ MIRROR_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_WIRE_SILENCE_WATCH_H_
