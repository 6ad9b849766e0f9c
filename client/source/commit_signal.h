#ifndef MIRROR_CLIENT_SOURCE_COMMIT_SIGNAL_H_
#define MIRROR_CLIENT_SOURCE_COMMIT_SIGNAL_H_

#include <chrono>
#include <cstdint>
#include <stop_token>

#include "base/mutex.h"

namespace mirror {

/// Wakes a thread when a log that is read all the time has commits that no run has taken.
///
/// Threads: any.
class CommitSignal {
 public:
  /// The log has a commit at this LSN with changes that a run would send.
  void Committed(std::int64_t lsn) MIRROR_EXCLUDES(mutex_);
  /// The log has a commit at this LSN that wakes nobody, and that the next run sends nevertheless.
  void Passed(std::int64_t lsn) MIRROR_EXCLUDES(mutex_);
  /// The log begins elsewhere, or some of its changes are missing: a run has to compare tables.
  void Restarted() MIRROR_EXCLUDES(mutex_);

  /// A run takes everything that the log gave up to now.
  void TakeAll() MIRROR_EXCLUDES(mutex_);
  /// A run takes all commits up to this LSN.
  void Take(std::int64_t lsn) MIRROR_EXCLUDES(mutex_);

  /// Waits for something to take, at most so long. False: nothing came, or the wait was stopped.
  bool Wait(std::chrono::nanoseconds most, const std::stop_token& stop) MIRROR_EXCLUDES(mutex_);
  /// Whether runs have taken everything, what wakes nobody included.
  bool HasNothing() MIRROR_EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  StopCondVar changed_;
  std::int64_t committed_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< The last commit; 0: all are taken.
  std::int64_t passed_ MIRROR_GUARDED_BY(mutex_) = 0;     ///< The same of those that wake nobody.
  bool restarted_ MIRROR_GUARDED_BY(mutex_) = false;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_COMMIT_SIGNAL_H_
