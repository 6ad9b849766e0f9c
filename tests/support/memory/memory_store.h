#ifndef MIRROR_TESTS_SUPPORT_MEMORY_MEMORY_STORE_H_
#define MIRROR_TESTS_SUPPORT_MEMORY_MEMORY_STORE_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/store/store.h"
#include "server/store/store_transaction.h"
#include "tests/support/memory/memory_mirror.h"

namespace mirror {

/// The simplest store that keeps the promises of store.h: what the others are measured by. `mirror` lives on
/// when the store is closed, as a file does.
class MemoryStore final : public Store, private StoreRecords, private StoreUpkeep {
 public:
  MemoryStore(std::shared_ptr<MemoryMirror> mirror, const std::string& context_id,
              std::int64_t value_bytes_max = 1'000'000'000);

  StoreRecords& records() override { return *this; }
  StoreUpkeep& upkeep() override { return *this; }
  absl::Status CheckTable(const TableSchema& table) override;
  absl::StatusOr<std::unique_ptr<StoreWork>> Begin(const Intent& intent) override;
  absl::StatusOr<std::int64_t> ReadDataVersion() override { return mirror_->version - commits_; }
  absl::StatusOr<std::unique_ptr<Snapshot>> OpenSnapshot() override;
  bool IsBuilding() override { return false; }
  bool IsDurable() override { return true; }
  absl::Status MakeDurable() override { return absl::OkStatus(); }

 private:
  absl::StatusOr<TenantRecord> ReadTenant() override;
  absl::StatusOr<std::optional<TableRecord>> ReadTable(const std::string& table) override;
  absl::StatusOr<std::optional<TableSchema>> ReadSchema(const std::string& table) override;
  /// Nobody else writes to it.
  absl::StatusOr<std::vector<TouchedTable>> ReadTouchedTables() override {
    return std::vector<TouchedTable>{};
  }
  absl::StatusOr<std::int64_t> CountPartnerRows(const std::string&) override { return 0; }
  absl::StatusOr<std::vector<std::string>> ReadLostColumns(const std::string& table) override;
  absl::StatusOr<std::vector<TableRecord>> ReadTables() override;
  absl::StatusOr<std::vector<std::string>> AgreedTables() override;
  /// Nothing in it is anybody else's.
  absl::StatusOr<std::vector<std::string>> SetAside(const std::string&) override {
    return std::vector<std::string>();
  }
  absl::StatusOr<std::vector<SchemaAnswer>> ReadAnswers() override;
  absl::StatusOr<std::vector<KeptObjects>> ReadSourceObjects() override;
  absl::StatusOr<std::vector<OwnIndex>> ReadOwnIndexes() override;
  std::string IndexTermsOf(const TableSchema&, const std::vector<IndexColumn>& columns) override {
    return IndexTerms(columns);
  }
  absl::StatusOr<std::vector<CycleNote>> ReadCycleNotes() override;
  absl::StatusOr<std::vector<TableCheck>> ReadChecks() override;
  absl::StatusOr<std::vector<Hold>> ReadHolds() override { return mirror_->holds; }
  absl::StatusOr<std::vector<Loss>> ReadLosses(const std::string& table) override;
  absl::StatusOr<std::optional<HookNote>> ReadHook(const std::string& hook) override;
  absl::StatusOr<std::vector<Document>> ReadDocuments(const std::string& kind, const std::string& from,
                                                      std::size_t count_max) override;
  absl::StatusOr<ListedDocuments> ReadListedDocuments() override;
  absl::StatusOr<RowBlock> ReadRows(const TableSchema& kept, const std::vector<std::string>& keys,
                                    std::uint64_t bytes_max) override;
  absl::StatusOr<Freshness> ReadFreshness() override { return mirror_->freshness; }
  absl::StatusOr<ReceiptHead> ReadReceiptHead() override;
  absl::StatusOr<std::vector<std::string>> ReadReceipts(std::uint64_t after, std::size_t count_max) override;

  Stale WhyStale() override { return Stale::kNo; }
  absl::Status CheckWhole(std::chrono::milliseconds) override { return absl::OkStatus(); }
  absl::Status Scrub() override { return absl::OkStatus(); }
  void Rest() override {}
  absl::Status Quarantine(const std::string&) override { return absl::OkStatus(); }
  std::string Quarantined() override { return ""; }
  absl::Status Release() override { return absl::OkStatus(); }
  absl::Status CheckIntegrity() override { return absl::OkStatus(); }
  absl::Status CheckOwnTables() override { return absl::OkStatus(); }
  absl::StatusOr<std::vector<std::string>> ReadHistories() override { return std::vector<std::string>(); }
  std::uint64_t BytesOnDisk() override { return 0; }

  std::shared_ptr<MemoryMirror> mirror_;
  std::string context_id_;
  std::int64_t commits_ = 0;  ///< This store's own.
  std::unique_ptr<StoreTransaction> transaction_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_MEMORY_MEMORY_STORE_H_
