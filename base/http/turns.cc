#include "base/http/turns.h"

#include <algorithm>
#include <set>
#include <string_view>
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

void HttpTurns::Ask(const std::string& asker, std::function<void()> work, std::size_t weight) {
  {
    const MutexLock lock(mutex_);
    asked_.push_back({asker, std::move(work), std::min(weight, most_of_one_)});
  }
  // Notifies after unlocking: otherwise the woken thread would wait for the lock.
  changed_.NotifyOne();
}

void HttpTurns::GiveBack(const std::string& asker, std::size_t weight) {
  weight = std::min(weight, most_of_one_);
  bool somebody_waits = false;
  {
    const MutexLock lock(mutex_);
    taken_ -= weight;
    const auto found = taken_by_.find(asker);
    if (found != taken_by_.end() && (found->second -= weight) == 0) taken_by_.erase(found);
    somebody_waits = !asked_.empty();
  }
  if (!somebody_waits) return;
  if (weight == 1) {
    changed_.NotifyOne();
  } else {
    changed_.NotifyAll();
  }
}

std::deque<HttpTurns::Asked>::iterator HttpTurns::Next() {
  // Askers with a request that waits. A later request of such an asker must not run first, although it may
  // need fewer turns.
  std::set<std::string_view> waiting;
  for (auto one = asked_.begin(); one != asked_.end(); ++one) {
    if (taken_ >= most_) return asked_.end();
    const auto taken = taken_by_.find(one->asker);
    const bool has_all = taken != taken_by_.end() && taken->second + one->weight > most_of_one_;
    if (has_all || waiting.contains(one->asker)) {
      waiting.insert(one->asker);
      continue;
    }
    // If there are too few turns for this request, later requests of other askers wait, too.
    return taken_ + one->weight > most_ ? asked_.end() : one;
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
      // During the stop all requests run, also above the limit of their asker, because no turn is given back
      // any more.
      if (next == asked_.end()) next = asked_.begin();
      if (next == asked_.end()) return;
      work = std::move(next->work);
      taken_ += next->weight;
      if (!next->asker.empty()) taken_by_[next->asker] += next->weight;
      asked_.erase(next);
    }
    work();
  }
}

}  // namespace mirror
