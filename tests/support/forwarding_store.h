#ifndef MIRROR_TESTS_SUPPORT_FORWARDING_STORE_H_
#define MIRROR_TESTS_SUPPORT_FORWARDING_STORE_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "server/store/store.h"

namespace mirror {

/// Another store, for tests that stand between it and a tenant in one of its calls.
class ForwardingStore : public Store {
 public:
  explicit ForwardingStore(std::unique_ptr<Store> store) : store_(std::move(store)) {}

  StoreRecords& records() override { return store_->records(); }
  StoreUpkeep& upkeep() override { return store_->upkeep(); }
  absl::Status CheckTable(const TableSchema& table) override { return store_->CheckTable(table); }
  absl::StatusOr<std::unique_ptr<StoreWork>> Begin(const Intent& intent) override {
    absl::StatusOr<std::unique_ptr<StoreWork>> work = store_->Begin(intent);
    if (!work.ok()) return work.status();
    return std::make_unique<Work>(*this, *std::move(work));
  }
  absl::StatusOr<std::int64_t> ReadDataVersion() override { return store_->ReadDataVersion(); }
  absl::StatusOr<std::unique_ptr<Snapshot>> OpenSnapshot() override { return store_->OpenSnapshot(); }
  bool IsBuilding() override { return store_->IsBuilding(); }
  bool IsDurable() override { return store_->IsDurable(); }
  absl::Status MakeDurable() override { return store_->MakeDurable(); }

 protected:
  /// Each commit of a transaction that was begun.
  virtual absl::StatusOr<CommitResult> CommitWork(StoreWork& work, const Plan& plan, Savepoints savepoints) {
    return work.Commit(plan, savepoints);
  }
  /// The same behind another plan.
  virtual absl::StatusOr<CommitResult> CommitWorkBehind(StoreWork& work, const Plan& plan,
                                                        Savepoints savepoints) {
    return work.Commit(plan, savepoints);
  }

 private:
  class Work final : public StoreWork {
   public:
    Work(ForwardingStore& store, std::unique_ptr<StoreWork> work) : store_(store), work_(std::move(work)) {}
    const TenantRecord& tenant() const override { return work_->tenant(); }
    absl::StatusOr<CommitResult> Commit(const Plan& plan, Savepoints savepoints) override {
      return is_behind_ ? store_.CommitWorkBehind(*work_, plan, savepoints)
                        : store_.CommitWork(*work_, plan, savepoints);
    }
    bool ReadsItsWrites() const override { return work_->ReadsItsWrites(); }
    absl::StatusOr<CommitResult> RunFirst(const Plan& plan) override {
      is_behind_ = true;
      return work_->RunFirst(plan);
    }

   private:
    ForwardingStore& store_;
    const std::unique_ptr<StoreWork> work_;
    bool is_behind_ = false;
  };

  std::unique_ptr<Store> store_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_FORWARDING_STORE_H_
