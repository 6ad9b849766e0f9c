#ifndef MIRROR_BASE_HTTP_TURNS_H_
#define MIRROR_BASE_HTTP_TURNS_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "base/mutex.h"

namespace mirror {

/// Threads that make answers to requests. Each request needs a turn, whose number is limited. A request keeps
/// its turn until GiveBack(), also while its answer is sent. This limits the number of answers in memory.
/// Threads: any.
class HttpTurns {
 public:
  /// `turns`: number of threads and of turns. `of_one`: greatest number of turns of one asker.
  explicit HttpTurns(std::size_t turns, std::size_t of_one) : most_(turns), most_of_one_(of_one) {}
  /// Runs all queued work, and waits for it.
  ~HttpTurns() { Stop(); }

  /// Errors: kUnavailable: the system cannot start a single thread.
  absl::Status Start();
  void Stop() MIRROR_EXCLUDES(mutex_);

  /// Queues `work`. It runs as soon as there are free turns, in the order of the calls; only an asker at its
  /// limit waits longer. `work` must not throw. An asker without a name has no limit of its own. `weight`:
  /// number of turns that the request needs, because its answer needs more memory; at most the limit of one
  /// asker is used.
  void Ask(const std::string& asker, std::function<void()> work, std::size_t weight = 1)
      MIRROR_EXCLUDES(mutex_);
  void GiveBack(const std::string& asker, std::size_t weight = 1) MIRROR_EXCLUDES(mutex_);

 private:
  struct Asked {
    std::string asker;
    std::function<void()> work;
    std::size_t weight = 1;
  };
  void Work() MIRROR_EXCLUDES(mutex_);
  /// Returns the first request that may run now.
  std::deque<Asked>::iterator Next() MIRROR_REQUIRES(mutex_);

  const std::size_t most_, most_of_one_;
  std::vector<std::thread> threads_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<Asked> asked_ MIRROR_GUARDED_BY(mutex_);
  std::size_t taken_ MIRROR_GUARDED_BY(mutex_) = 0;
  /// Number of turns in use by asker; only askers with a name.
  std::map<std::string, std::size_t> taken_by_ MIRROR_GUARDED_BY(mutex_);
  bool stopping_ MIRROR_GUARDED_BY(mutex_) = false;
};

}  // namespace mirror

#endif  // MIRROR_BASE_HTTP_TURNS_H_
