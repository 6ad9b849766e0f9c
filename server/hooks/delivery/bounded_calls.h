#ifndef MIRROR_SERVER_HOOKS_DELIVERY_BOUNDED_CALLS_H_
#define MIRROR_SERVER_HOOKS_DELIVERY_BOUNDED_CALLS_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"

namespace mirror {

/// Runs code that may never return, in a few threads of its own: whoever calls gets his answer in time, or
/// the word that there is none. A call that hangs keeps its thread, for ever if it must; when all of them
/// hang, no other is begun. At the end of the process, threads that hang are left behind.
/// Threads: any.
class BoundedCalls {
 public:
  using Work = std::function<absl::StatusOr<std::string>()>;

  explicit BoundedCalls(std::size_t threads_max);
  ~BoundedCalls();

  ///   kDeadlineExceeded  no answer within `timeout`; it may still come, to nobody
  ///   kUnavailable       all threads hang
  ///   kCancelled         `stop`
  /// An exception of `work` is kInternal. `work` holds whatever it needs, since it may outlive the caller.
  absl::StatusOr<std::string> Call(Work work, std::chrono::milliseconds timeout, const std::stop_token& stop);

 private:
  struct Shared;
  static void Serve(const std::shared_ptr<Shared>& shared);
  const std::shared_ptr<Shared> shared_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HOOKS_DELIVERY_BOUNDED_CALLS_H_
