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

/// Threads that do what requests ask for, and a turn for each: whoever has one keeps it until GiveBack(),
/// also while its answer is taken, so that no more answers than that are in memory. Threads: any.
class HttpTurns {
 public:
  /// `turns`: of threads and of turns, each. `of_one`: those that one asker can have.
  explicit HttpTurns(std::size_t turns, std::size_t of_one) : most_(turns), most_of_one_(of_one) {}
  /// Does all that was asked for, and waits for it.
  ~HttpTurns() { Stop(); }

  /// Errors: kUnavailable: the system has no thread at all.
  absl::Status Start();
  void Stop() MIRROR_EXCLUDES(mutex_);

  /// `work` is done with a turn, when there is one; whoever asked first is first, but for those whose asker
  /// has all that one can have. It throws nothing. An asker without a name has no bound of its own.
  /// `weight`: in turns, of what its answer may hold; more than one can have is all that one can have.
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
  /// The first whose turn it is.
  std::deque<Asked>::iterator Next() MIRROR_REQUIRES(mutex_);

  const std::size_t most_, most_of_one_;
  std::vector<std::thread> threads_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<Asked> asked_ MIRROR_GUARDED_BY(mutex_);
  std::size_t taken_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::map<std::string, std::size_t> taken_by_ MIRROR_GUARDED_BY(mutex_);  ///< Askers that have a name.
  bool stopping_ MIRROR_GUARDED_BY(mutex_) = false;
};

}  // namespace mirror

#endif  // MIRROR_BASE_HTTP_TURNS_H_
