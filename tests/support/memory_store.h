#ifndef MIRROR_TESTS_SUPPORT_MEMORY_STORE_H_
#define MIRROR_TESTS_SUPPORT_MEMORY_STORE_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/plan/receipt_plan.h"
#include "server/store/store.h"
#include "tests/support/rows.h"

namespace mirror {

struct CellsInKeyOrder {
  bool operator()(const Row& a, const Row& b) const;
};

/// Rows under the columns that they really have, which may be older than the agreed ones.
struct MemoryTable {
  TableSchema schema;
  std::map<Row, Row, CellsInKeyOrder> keyed;  ///< By key; unused without one.
  Rows keyless;

  std::int64_t size() const { return static_cast<std::int64_t>(keyed.size() + keyless.size()); }
  Rows All() const;
};

struct MemoryShadow {
  std::int64_t cycle = 0;
  MemoryTable table;
};

struct MemoryValue {
  std::int64_t cycle = 0;
  std::string bytes;
};

struct MemoryRetired {
  std::int64_t retired_ms = 0;
  MemoryTable table;
};

/// Everything that a mirror holds, as plain values: a transaction is a copy of it. Maps are by folded name.
struct MemoryMirror {
  TenantRecord tenant;
  std::map<std::string, TableRecord> records;
  std::map<std::string, TableSchema> agreed;
  std::map<std::string, MemoryTable> tables;
  std::map<std::string, MemoryShadow> shadows;
  std::vector<MemoryRetired> retired;
  std::map<std::string, std::map<std::string, Position>> lost_columns;  ///< By table and column.
  std::map<std::string, std::map<std::uint64_t, MemoryValue>> values;   ///< Those that arrive in parts.
  std::vector<SchemaAnswer> answers;
  std::map<std::pair<CycleNoteKind, std::string>, CycleNote> cycle_notes;  ///< By kind and folded table.
  std::map<std::string, KeptObjects> source_objects;
  std::map<std::string, OwnIndex> own_indexes;
  std::int64_t noted_cycle = 0;  ///< That of `cycle_notes`.
  std::map<std::string, std::int64_t> nonces;
  std::map<std::string, TableCheck> checks;
  std::vector<Hold> holds;
  std::vector<HookNote> hooks;  ///< Oldest first.
  std::int64_t last_hook = 0;
  std::uint64_t holds_made = 0;
  std::map<std::string, std::map<std::int64_t, Loss>> losses;  ///< By table and cycle.
  Freshness freshness;
  std::map<std::uint64_t, std::string> receipts;  ///< Texts by number.
  std::map<std::string, OpenReceipt> open_receipts;
};

/// The simplest store that keeps the promises of store.h: what the others are measured by. `mirror` lives on
/// when the store is closed, as a file does.
class MemoryStore final : public Store {
 public:
  MemoryStore(std::shared_ptr<MemoryMirror> mirror, const std::string& context_id,
              std::int64_t value_bytes_max = 1'000'000'000);

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
  absl::StatusOr<std::vector<CycleNote>> ReadCycleNotes() override;
  absl::StatusOr<std::vector<TableCheck>> ReadChecks() override;
  absl::StatusOr<std::vector<Hold>> ReadHolds() override { return mirror_->holds; }
  absl::StatusOr<std::vector<Loss>> ReadLosses(const std::string& table) override;
  absl::StatusOr<std::optional<HookNote>> ReadHook(const std::string& hook) override;
  absl::StatusOr<Freshness> ReadFreshness() override { return mirror_->freshness; }
  absl::StatusOr<ReceiptHead> ReadReceiptHead() override;
  absl::StatusOr<std::vector<std::string>> ReadReceipts(std::uint64_t after, std::size_t count_max) override;
  absl::Status CheckTableName(const std::string& table) override;
  absl::StatusOr<CommitResult> Commit(const Plan& plan) override;
  absl::StatusOr<std::unique_ptr<Snapshot>> OpenSnapshot() override;
  bool IsDurable() override { return true; }
  bool Replaced() override { return false; }
  absl::Status CheckWhole() override { return absl::OkStatus(); }
  absl::Status Scrub() override { return absl::OkStatus(); }
  void Rest() override {}
  absl::Status Quarantine(const std::string&) override { return absl::OkStatus(); }
  std::string Quarantined() override { return ""; }
  absl::Status Release() override { return absl::OkStatus(); }
  absl::Status CheckIntegrity() override { return absl::OkStatus(); }
  absl::Status CheckOwnTables() override { return absl::OkStatus(); }
  std::uint64_t BytesOnDisk() override { return 0; }

 private:
  std::shared_ptr<MemoryMirror> mirror_;
  std::string context_id_;
  std::int64_t value_bytes_max_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_MEMORY_STORE_H_
