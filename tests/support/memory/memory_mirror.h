#ifndef MIRROR_TESTS_SUPPORT_MEMORY_MEMORY_MIRROR_H_
#define MIRROR_TESTS_SUPPORT_MEMORY_MEMORY_MIRROR_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proto/wire/key_range.h"
#include "server/plan/plan.h"
#include "server/plan/receipt_plan.h"
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

/// Who may write to a mirror. Threads: any.
class MemoryLock {
 public:
  /// Waits for it, but not for long. False: somebody else has it.
  bool Take() {
    std::unique_lock lock(mutex_);
    if (!free_.wait_for(lock, std::chrono::seconds(5), [&] { return !taken_; })) return false;
    return taken_ = true;
  }
  bool TryToTake() {
    const std::lock_guard lock(mutex_);
    return !std::exchange(taken_, true);
  }
  void Release() {
    const std::lock_guard lock(mutex_);
    taken_ = false;
    free_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable free_;
  bool taken_ = false;
};

/// Everything that a mirror holds, as plain values: a transaction is a copy of it. Maps are by folded name.
struct MemoryMirror {
  std::shared_ptr<MemoryLock> lock = std::make_shared<MemoryLock>();
  std::int64_t version = 0;  ///< How often anybody wrote to it.
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
  /// Receipts that were removed since the savepoint. There can be thousands, so a savepoint does not copy
  /// them.
  std::map<std::uint64_t, std::string> removed_receipts;
  std::map<std::string, OpenReceipt> open_receipts;
  std::map<std::pair<std::string, std::string>, Document> documents;  ///< By kind and id.
};

/// See StoreRecords::ReadReceiptHead and StoreRecords::ReadSchema.
ReceiptHead HeadOf(const MemoryMirror& mirror);
std::optional<TableSchema> AgreedSchema(const MemoryMirror& mirror, const std::string& table);

/// What `column` holds once `value` is stored: kind and form as table.proto says.
Cell StoredCell(const Column& column, const Value& value);
/// What rows that are there get with an added column.
Cell StoredDefault(const Column& column);
Row KeyOf(const TableSchema& schema, const Row& row);

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_MEMORY_MEMORY_MIRROR_H_
