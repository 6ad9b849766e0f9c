#include "client/source/commit_signal.h"

namespace mirror {

void CommitSignal::Committed(std::int64_t lsn) {
  const MutexLock lock(mutex_);
  committed_ = lsn;
  changed_.NotifyAll();
}

void CommitSignal::Passed(std::int64_t lsn) {
  const MutexLock lock(mutex_);
  passed_ = lsn;
}

void CommitSignal::Restarted() {
  const MutexLock lock(mutex_);
  restarted_ = true;
  changed_.NotifyAll();
}

void CommitSignal::TakeAll() {
  const MutexLock lock(mutex_);
  committed_ = passed_ = 0;
  restarted_ = false;
}

void CommitSignal::Take(std::int64_t lsn) {
  const MutexLock lock(mutex_);
  if (committed_ <= lsn) committed_ = 0;
  if (passed_ <= lsn) passed_ = 0;
  restarted_ = false;
}

bool CommitSignal::HasNothing() {
  const MutexLock lock(mutex_);
  return committed_ == 0 && passed_ == 0 && !restarted_;
}

bool CommitSignal::Wait(std::chrono::nanoseconds most, const std::stop_token& stop) {
  const auto end = std::chrono::steady_clock::now() + most;
  const MutexLock lock(mutex_);
  return changed_.WaitUntil(mutex_, stop, end,
                            [this]() MIRROR_REQUIRES(mutex_) { return committed_ != 0 || restarted_; });
}

}  // namespace mirror
