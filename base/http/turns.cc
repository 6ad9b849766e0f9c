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

void HttpTurns::Ask(const std::string& asker, std::function<void()> work) {
  {
    const MutexLock lock(mutex_);
    asked_.push_back({asker, std::move(work)});
  }
  // Not under the lock: who wakes up would wait for it.
  changed_.NotifyOne();
}

void HttpTurns::GiveBack(const std::string& asker) {
  bool somebody_waits = false;
  {
    const MutexLock lock(mutex_);
    --taken_;
    const auto found = taken_by_.find(asker);
    if (found != taken_by_.end() && --found->second == 0) taken_by_.erase(found);
    somebody_waits = !asked_.empty();
  }
  if (somebody_waits) changed_.NotifyOne();
}

std::deque<HttpTurns::Asked>::iterator HttpTurns::Next() {
  if (taken_ >= most_) return asked_.end();
  for (auto one = asked_.begin(); one != asked_.end(); ++one) {
    const auto taken = taken_by_.find(one->asker);
    if (taken == taken_by_.end() || taken->second < most_of_one_) return one;
  }
  return asked_.end();
}

void HttpTurns::Work() {
  while (true) {
    std::function<void()> work;
    {
      const MutexLock lock(mutex_);
      auto next = Next();
      for (; next == asked_.end() && !stopping_; next = Next()) changed_.Wait(mutex_);
      // At the end all is done, whoever asked: nobody is there to give a turn back.
      if (next == asked_.end()) next = asked_.begin();
      if (next == asked_.end()) return;
      work = std::move(next->work);
      ++taken_;
      if (!next->asker.empty()) ++taken_by_[next->asker];
      asked_.erase(next);
    }
    work();
  }
}

}  // namespace mirror
