#include "base/http/turns.h"

#include <system_error>
#include <utility>

namespace mirror {

absl::Status HttpTurns::Start() {
  try {
    while (threads_.size() < most_) threads_.emplace_back([this] { Work(); });
  } catch (const std::system_error&) {
    if (threads_.empty()) return absl::UnavailableError("the system cannot start a thread");
  }
  return absl::OkStatus();
}

void HttpTurns::Stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void HttpTurns::Ask(std::function<void()> work) {
  const MutexLock lock(mutex_);
  asked_.push_back(std::move(work));
  changed_.NotifyOne();
}

void HttpTurns::GiveBack() {
  const MutexLock lock(mutex_);
  --taken_;
  changed_.NotifyOne();
}

void HttpTurns::Work() {
  while (true) {
    std::function<void()> work;
    {
      const MutexLock lock(mutex_);
      while (!stopping_ && (asked_.empty() || taken_ >= most_)) changed_.Wait(mutex_);
      if (asked_.empty()) return;
      work = std::move(asked_.front());
      asked_.pop_front();
      ++taken_;
    }
    work();
  }
}

}  // namespace mirror
