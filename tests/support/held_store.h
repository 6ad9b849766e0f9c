#ifndef MIRROR_TESTS_SUPPORT_HELD_STORE_H_
#define MIRROR_TESTS_SUPPORT_HELD_STORE_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "server/store/store.h"

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
class HeldStore final : public Store {
 public:
  HeldStore(std::unique_ptr<Store> store, CommitGate& gate) : store_(std::move(store)), gate_(gate) {}

  absl::StatusOr<TenantRecord> ReadTenant() override { return store_->ReadTenant(); }
  absl::StatusOr<std::optional<TableRecord>> ReadTable(const std::string& table) override {
    return store_->ReadTable(table);
  }
  absl::StatusOr<std::optional<TableSchema>> ReadSchema(const std::string& table) override {
    return store_->ReadSchema(table);
  }
  absl::StatusOr<std::vector<TableRecord>> ReadTables() override { return store_->ReadTables(); }
  absl::StatusOr<std::vector<std::string>> AgreedTables() override { return store_->AgreedTables(); }
  absl::StatusOr<std::vector<SchemaAnswer>> ReadAnswers() override { return store_->ReadAnswers(); }
  absl::Status CheckTableName(const std::string& table) override { return store_->CheckTableName(table); }
  absl::StatusOr<CommitResult> Commit(const Plan& plan) override {
    if (absl::Status status = gate_.Pass(); !status.ok()) return status;
    return store_->Commit(plan);
  }
  bool Replaced() override { return store_->Replaced(); }
  bool IsDurable() override { return store_->IsDurable(); }
  bool IsWhole() override { return store_->IsWhole(); }
  void Rest() override { store_->Rest(); }
  absl::Status CheckIntegrity() override { return store_->CheckIntegrity(); }
  std::uint64_t BytesOnDisk() override { return store_->BytesOnDisk(); }

 private:
  std::unique_ptr<Store> store_;
  CommitGate& gate_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_HELD_STORE_H_
