#include "client/wire/silence_watch.h"

#include <system_error>

namespace mirror {

SilenceWatch::~SilenceWatch() {
  if (!thread_.joinable()) return;
  {
    const MutexLock lock(mutex_);
    over_ = true;
  }
  woken_.NotifyAll();
  thread_.join();
}

absl::Status SilenceWatch::Start() {
  try {
    thread_ = std::thread([this] { Watch(); });
  } catch (const std::system_error&) {
    return absl::UnavailableError(
        "the system cannot start a thread to watch the stream of rows. Nothing was sent; the next cycle "
        "tries again. "
        "Look at the limit of processes and threads");
  }
  return absl::OkStatus();
}

void SilenceWatch::Begin() {
  const MutexLock lock(mutex_);
  waiting_since_ = std::chrono::steady_clock::now();
}

void SilenceWatch::End() {
  const MutexLock lock(mutex_);
  waiting_since_.reset();
}

bool SilenceWatch::ended() const {
  const MutexLock lock(mutex_);
  return ended_;
}

void SilenceWatch::Watch() {
  const MutexLock lock(mutex_);
  while (!over_ && !ended_) {
    const auto now = std::chrono::steady_clock::now();
    // Who begins to wait later than now waits no longer than until then, plus once more.
    const auto until = waiting_since_.value_or(now) + max_;
    if (waiting_since_ && now >= until) {
      ended_ = true;
      context_.TryCancel();
      return;
    }
    woken_.WaitUntil(mutex_, until);
  }
}

}  // namespace mirror
