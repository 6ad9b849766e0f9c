#include "server/hooks/delivery/bounded_calls.h"

#include <deque>
#include <exception>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/mutex.h"

namespace mirror {
namespace {

/// Interval at which Call() checks for a stop.
constexpr std::chrono::milliseconds kStopLook{100};

absl::StatusOr<std::string> Try(const BoundedCalls::Work& work) {
  try {
    return work();
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("it threw: ", error.what()));
  } catch (...) {
    return absl::InternalError("it threw something that is not an exception");
  }
}

}  // namespace

struct BoundedCalls::Shared {
  /// Guarded by Shared::mutex, except `work` while a thread runs it.
  struct Pending {
    Work work;
    std::optional<absl::StatusOr<std::string>> answer;
  };

  const std::size_t threads_max;
  Mutex mutex;
  CondVar work_came, answered;
  std::deque<std::shared_ptr<Pending>> waiting MIRROR_GUARDED_BY(mutex);
  std::size_t threads MIRROR_GUARDED_BY(mutex) = 0;
  std::size_t idle MIRROR_GUARDED_BY(mutex) = 0;
  bool stopped MIRROR_GUARDED_BY(mutex) = false;
};

BoundedCalls::BoundedCalls(std::size_t threads_max)
    : shared_(new Shared{threads_max, {}, {}, {}, {}, 0, 0, false}) {}

BoundedCalls::~BoundedCalls() {
  const MutexLock lock(shared_->mutex);
  shared_->stopped = true;
  shared_->work_came.NotifyAll();
}

void BoundedCalls::Serve(const std::shared_ptr<Shared>& shared) {
  const MutexLock lock(shared->mutex);
  while (true) {
    ++shared->idle;
    while (!shared->stopped && shared->waiting.empty()) shared->work_came.Wait(shared->mutex);
    --shared->idle;
    if (shared->stopped) return;
    const std::shared_ptr<Shared::Pending> mine = shared->waiting.front();
    shared->waiting.pop_front();
    absl::StatusOr<std::string> answer;
    {
      const MutexUnlock unlocked(shared->mutex);
      answer = Try(mine->work);
    }
    mine->work = {};
    mine->answer = std::move(answer);
    shared->answered.NotifyAll();
  }
}

absl::StatusOr<std::string> BoundedCalls::Call(Work work, std::chrono::milliseconds timeout,
                                               const std::stop_token& stop) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const auto mine = std::make_shared<Shared::Pending>();
  mine->work = std::move(work);
  const MutexLock lock(shared_->mutex);
  if (shared_->idle <= shared_->waiting.size()) {
    if (shared_->threads == shared_->threads_max) {
      return absl::UnavailableError(absl::StrCat("all of its ", shared_->threads_max, " threads are busy"));
    }
    ++shared_->threads;
    try {
      std::thread([shared = shared_] { Serve(shared); }).detach();
    } catch (const std::system_error& error) {
      --shared_->threads;
      return absl::UnavailableError(
          absl::StrCat("the system cannot start a thread for it (", error.what(),
                       "). Nothing was begun. Check the limit of processes and threads"));
    }
  }
  shared_->waiting.push_back(mine);
  shared_->work_came.NotifyOne();
  while (!mine->answer && std::chrono::steady_clock::now() < deadline && !stop.stop_requested()) {
    shared_->answered.WaitUntil(shared_->mutex,
                                std::min(deadline, std::chrono::steady_clock::now() + kStopLook));
  }
  if (mine->answer) return *std::move(mine->answer);
  // Drop it if no thread has started it: the caller does not wait any more.
  std::erase(shared_->waiting, mine);
  if (stop.stop_requested()) return absl::CancelledError("the server stops");
  return absl::DeadlineExceededError(absl::StrCat("it did not answer within ", timeout.count(), " ms"));
}

}  // namespace mirror
