#ifndef MIRROR_TESTS_SUPPORT_FORWARDING_STORE_H_
#define MIRROR_TESTS_SUPPORT_FORWARDING_STORE_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/store/store.h"

namespace mirror {

/// Another store, for tests that stand between it and a tenant in one of its calls.
class ForwardingStore : public Store {
 public:
  explicit ForwardingStore(std::unique_ptr<Store> store) : store_(std::move(store)) {}

  absl::StatusOr<TenantRecord> ReadTenant() override { return store_->ReadTenant(); }
  absl::StatusOr<std::optional<TableRecord>> ReadTable(const std::string& table) override {
    return store_->ReadTable(table);
  }
  absl::StatusOr<std::optional<TableSchema>> ReadSchema(const std::string& table) override {
    return store_->ReadSchema(table);
  }
  absl::StatusOr<std::vector<std::string>> ReadLostColumns(const std::string& table) override {
    return store_->ReadLostColumns(table);
  }
  absl::StatusOr<std::vector<TouchedTable>> ReadTouchedTables() override {
    return store_->ReadTouchedTables();
  }
  absl::StatusOr<std::int64_t> CountPartnerRows(const std::string& table) override {
    return store_->CountPartnerRows(table);
  }
  absl::StatusOr<std::vector<TableRecord>> ReadTables() override { return store_->ReadTables(); }
  absl::StatusOr<std::vector<std::string>> AgreedTables() override { return store_->AgreedTables(); }
  absl::StatusOr<std::vector<std::string>> SetAside(const std::string& table) override {
    return store_->SetAside(table);
  }
  absl::StatusOr<std::vector<SchemaAnswer>> ReadAnswers() override { return store_->ReadAnswers(); }
  absl::StatusOr<std::vector<KeptObjects>> ReadSourceObjects() override {
    return store_->ReadSourceObjects();
  }
  absl::StatusOr<std::vector<OwnIndex>> ReadOwnIndexes() override { return store_->ReadOwnIndexes(); }
  absl::StatusOr<std::vector<CycleNote>> ReadCycleNotes() override { return store_->ReadCycleNotes(); }
  absl::StatusOr<std::vector<TableCheck>> ReadChecks() override { return store_->ReadChecks(); }
  absl::StatusOr<std::vector<Hold>> ReadHolds() override { return store_->ReadHolds(); }
  absl::StatusOr<std::vector<Loss>> ReadLosses(const std::string& table) override {
    return store_->ReadLosses(table);
  }
  absl::StatusOr<std::optional<HookNote>> ReadHook(const std::string& hook) override {
    return store_->ReadHook(hook);
  }
  absl::StatusOr<Freshness> ReadFreshness() override { return store_->ReadFreshness(); }
  absl::StatusOr<ReceiptHead> ReadReceiptHead() override { return store_->ReadReceiptHead(); }
  absl::StatusOr<std::vector<std::string>> ReadReceipts(std::uint64_t after, std::size_t count_max) override {
    return store_->ReadReceipts(after, count_max);
  }
  absl::Status CheckTable(const TableSchema& table) override { return store_->CheckTable(table); }
  absl::StatusOr<std::unique_ptr<StoreWork>> Begin() override {
    absl::StatusOr<std::unique_ptr<StoreWork>> work = store_->Begin();
    if (!work.ok()) return work.status();
    return std::make_unique<Work>(*this, *std::move(work));
  }
  absl::StatusOr<std::int64_t> ReadDataVersion() override { return store_->ReadDataVersion(); }
  absl::StatusOr<std::unique_ptr<Snapshot>> OpenSnapshot() override { return store_->OpenSnapshot(); }
  bool IsDurable() override { return store_->IsDurable(); }
  bool Replaced() override { return store_->Replaced(); }
  absl::Status CheckWhole(std::chrono::milliseconds patience) override {
    return store_->CheckWhole(patience);
  }
  absl::Status Scrub() override { return store_->Scrub(); }
  void Rest() override { store_->Rest(); }
  absl::Status Quarantine(const std::string& why) override { return store_->Quarantine(why); }
  std::string Quarantined() override { return store_->Quarantined(); }
  absl::Status Release() override { return store_->Release(); }
  absl::Status CheckIntegrity() override { return store_->CheckIntegrity(); }
  absl::Status CheckOwnTables() override { return store_->CheckOwnTables(); }
  std::uint64_t BytesOnDisk() override { return store_->BytesOnDisk(); }

 protected:
  /// Each commit of a transaction that was begun.
  virtual absl::StatusOr<CommitResult> CommitWork(StoreWork& work, const Plan& plan, Savepoints savepoints) {
    return work.Commit(plan, savepoints);
  }

 private:
  class Work final : public StoreWork {
   public:
    Work(ForwardingStore& store, std::unique_ptr<StoreWork> work) : store_(store), work_(std::move(work)) {}
    const TenantRecord& tenant() const override { return work_->tenant(); }
    absl::StatusOr<CommitResult> Commit(const Plan& plan, Savepoints savepoints) override {
      return store_.CommitWork(*work_, plan, savepoints);
    }

   private:
    ForwardingStore& store_;
    const std::unique_ptr<StoreWork> work_;
  };

  std::unique_ptr<Store> store_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_FORWARDING_STORE_H_
