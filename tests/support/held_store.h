#ifndef MIRROR_TESTS_SUPPORT_HELD_STORE_H_
#define MIRROR_TESTS_SUPPORT_HELD_STORE_H_

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

#include "tests/support/forwarding_store.h"

namespace mirror {

/// What stands between a tenant and its store in a test: counts commits, and holds one until it is let go.
/// Threads: any.
class CommitGate {
 public:
  /// The next commit waits at the gate until Open().
  void Close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  void Open() {
    const std::lock_guard lock(mutex_);
    closed_ = false;
    changed_.notify_all();
  }
  /// Waits until a commit stands before the closed gate. False: none came in a minute.
  bool WaitUntilHeld() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return held_; });
  }
  /// Commits that were begun.
  int commits() const {
    const std::lock_guard lock(mutex_);
    return commits_;
  }
  /// What the next commits answer instead of being made; OK: they are made.
  void Fail(const absl::Status& status) {
    const std::lock_guard lock(mutex_);
    failure_ = status;
  }

  absl::Status Pass() {
    std::unique_lock lock(mutex_);
    ++commits_;
    held_ = closed_;
    changed_.notify_all();
    if (!changed_.wait_for(lock, kPatience, [&] { return !closed_; })) {
      return absl::DeadlineExceededError("nobody opened the gate");
    }
    held_ = false;
    return failure_;
  }

 private:
  static constexpr std::chrono::seconds kPatience{60};
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false, held_ = false;
  int commits_ = 0;
  absl::Status failure_;
};

/// Another store, behind a gate.
class HeldStore final : public ForwardingStore {
 public:
  HeldStore(std::unique_ptr<Store> store, CommitGate& gate)
      : ForwardingStore(std::move(store)), gate_(gate) {}

 protected:
  absl::StatusOr<CommitResult> CommitWork(StoreWork& work, const Plan& plan, Savepoints savepoints) override {
    if (absl::Status status = gate_.Pass(); !status.ok()) return status;
    return ForwardingStore::CommitWork(work, plan, savepoints);
  }

 private:
  CommitGate& gate_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_HELD_STORE_H_
