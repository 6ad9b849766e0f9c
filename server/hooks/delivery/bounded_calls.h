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

/// Runs code that may never return, in a few threads of its own. The caller gets the result in time, or an
/// error. A call that hangs keeps its thread, possibly for ever. While all threads hang, no other call is
/// started. At the end of the process hanging threads are abandoned. Threads: any.
class BoundedCalls {
 public:
  using Work = std::function<absl::StatusOr<std::string>()>;

  explicit BoundedCalls(std::size_t threads_max);
  ~BoundedCalls();

  /// Runs `work`. `work` must own all that it uses, because it may outlive the caller. Errors, besides those
  /// of `work`, whose exceptions become kInternal:
  ///   kDeadlineExceeded  no result within `timeout`; a later result is dropped
  ///   kUnavailable       all threads hang
  ///   kCancelled         `stop` was requested
  absl::StatusOr<std::string> Call(Work work, std::chrono::milliseconds timeout, const std::stop_token& stop);

 private:
  struct Shared;
  static void Serve(const std::shared_ptr<Shared>& shared);
  const std::shared_ptr<Shared> shared_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HOOKS_DELIVERY_BOUNDED_CALLS_H_
