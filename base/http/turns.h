#ifndef MIRROR_BASE_HTTP_TURNS_H_
#define MIRROR_BASE_HTTP_TURNS_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "base/mutex.h"

namespace mirror {

/// Threads that do what requests ask for, and a turn for each: whoever has one keeps it until GiveBack(),
/// also while its answer is taken, so that no more answers than that are in memory. Threads: any.
class HttpTurns {
 public:
  /// `turns`: of threads and of turns, each.
  explicit HttpTurns(std::size_t turns) : most_(turns) {}
  /// Does all that was asked for, and waits for it.
  ~HttpTurns() { Stop(); }

  /// Errors: kUnavailable: the system has no thread at all.
  absl::Status Start();
  void Stop() MIRROR_EXCLUDES(mutex_);

  /// `work` is done with a turn, when there is one; whoever asked first is first. It throws nothing.
  void Ask(std::function<void()> work) MIRROR_EXCLUDES(mutex_);
  void GiveBack() MIRROR_EXCLUDES(mutex_);

 private:
  void Work() MIRROR_EXCLUDES(mutex_);

  const std::size_t most_;
  std::vector<std::thread> threads_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<std::function<void()>> asked_ MIRROR_GUARDED_BY(mutex_);
  std::size_t taken_ MIRROR_GUARDED_BY(mutex_) = 0;
  bool stopping_ MIRROR_GUARDED_BY(mutex_) = false;
};

}  // namespace mirror

#endif  // MIRROR_BASE_HTTP_TURNS_H_
