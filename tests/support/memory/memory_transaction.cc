#include "tests/support/memory/memory_transaction.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "base/folded_name.h"
#include "server/plan/hold_keys.h"
#include "tests/support/memory/memory_rows.h"
#include "tests/support/memory/no_history.h"

namespace mirror {
namespace {

/// As the store over SQLite: fewer keys than these are not worth a count.
constexpr std::int64_t kAbsentToCount = 100;

class MemoryTenantVerbs final : public TenantVerbs {
 public:
  explicit MemoryTenantVerbs(MemoryMirror& mirror) : mirror_(mirror) {}

  absl::StatusOr<TenantRecord> ReadTenant() override { return mirror_.tenant; }
  absl::Status WriteTenant(const TenantRecord& tenant) override {
    mirror_.tenant = tenant;
    return absl::OkStatus();
  }

  absl::Status ForgetNonces(std::int64_t before_ms) override {
    std::erase_if(mirror_.nonces, [&](const auto& known) { return known.second < before_ms; });
    return absl::OkStatus();
  }
  absl::StatusOr<NonceCount> CountNonces(const std::string& value) override {
    return NonceCount{mirror_.nonces.size(), mirror_.nonces.contains(value)};
  }
  absl::Status AddNonce(const Nonce& nonce) override {
    mirror_.nonces[nonce.value] = nonce.expires_ms;
    return absl::OkStatus();
  }

  absl::Status WriteAnswers(const std::vector<SchemaAnswer>& answers) override {
    mirror_.answers = answers;
    return absl::OkStatus();
  }
  absl::Status WriteCycleNotes(std::int64_t cycle, const CycleNoteChanges& changes) override {
    auto& notes = mirror_.cycle_notes;
    if (changes.forget_all || mirror_.noted_cycle != cycle) notes.clear();
    mirror_.noted_cycle = cycle;
    for (const CycleNote& note : changes.forgotten) notes.erase({note.kind, FoldName(note.table)});
    for (const CycleNote& note : changes.written) notes[{note.kind, FoldName(note.table)}] = note;
    return absl::OkStatus();
  }
  absl::Status ForgetCycleNotes(std::int64_t cycle) override {
    if (mirror_.noted_cycle != cycle) mirror_.cycle_notes.clear();
    return absl::OkStatus();
  }

  absl::Status AddHookNotes(const std::vector<HookNote>& notes, const std::vector<std::string>& known,
                            std::int64_t unknown_before_ms) override {
    std::erase_if(mirror_.hooks, [&](const HookNote& note) {
      return note.at_ms < unknown_before_ms &&
             std::find(known.begin(), known.end(), note.hook) == known.end();
    });
    for (HookNote note : notes) {
      note.id = ++mirror_.last_hook;
      mirror_.hooks.push_back(std::move(note));
    }
    return absl::OkStatus();
  }
  absl::StatusOr<std::uint64_t> TrimHookNotes(std::int64_t count_max) override {
    const std::int64_t over = static_cast<std::int64_t>(mirror_.hooks.size()) - count_max;
    if (over <= 0) return 0;
    mirror_.hooks.erase(mirror_.hooks.begin(), mirror_.hooks.begin() + over);
    return static_cast<std::uint64_t>(over);
  }
  absl::Status RemoveHookNotes(const std::vector<std::int64_t>& ids) override {
    std::erase_if(mirror_.hooks, [&](const HookNote& note) {
      return std::find(ids.begin(), ids.end(), note.id) != ids.end();
    });
    return absl::OkStatus();
  }

  absl::Status WriteDocuments(const std::vector<DocumentChange>& changes, std::int64_t now_ms) override {
    for (const DocumentChange& change : changes) {
      if (change.text) {
        mirror_.documents[{change.kind, change.id}] = {change.kind, change.id, *change.text, now_ms};
      } else {
        mirror_.documents.erase({change.kind, change.id});
      }
    }
    return absl::OkStatus();
  }
  absl::Status BoundDocuments(const DocumentBound& bound) override {
    std::vector<std::pair<std::int64_t, std::string>> left;
    std::erase_if(mirror_.documents, [&](const auto& one) {
      const Document& document = one.second;
      if (document.kind != bound.kind) return false;
      if (document.at_ms < bound.before_ms) return true;
      left.emplace_back(document.at_ms, document.id);
      return false;
    });
    std::sort(left.rbegin(), left.rend());
    for (std::size_t i = static_cast<std::size_t>(bound.count_max); i < left.size(); ++i) {
      mirror_.documents.erase({bound.kind, left[i].second});
    }
    return absl::OkStatus();
  }

  absl::StatusOr<ReceiptHead> ReadReceiptHead() override { return HeadOf(mirror_); }
  absl::Status AddReceipt(std::uint64_t number, const std::string& text) override {
    mirror_.receipts[number] = text;
    return absl::OkStatus();
  }
  absl::Status RemoveReceipts(std::uint64_t through) override {
    while (!mirror_.receipts.empty() && mirror_.receipts.begin()->first <= through) {
      mirror_.removed_receipts.insert(mirror_.receipts.extract(mirror_.receipts.begin()));
    }
    return absl::OkStatus();
  }
  absl::StatusOr<std::optional<OpenReceipt>> ReadOpenReceipt(const std::string& table) override {
    const auto found = mirror_.open_receipts.find(FoldName(table));
    return found == mirror_.open_receipts.end() ? std::nullopt : std::optional(found->second);
  }
  absl::Status WriteOpenReceipt(const std::string& table, const OpenReceipt& open) override {
    mirror_.open_receipts[FoldName(table)] = open;
    return absl::OkStatus();
  }

 private:
  MemoryMirror& mirror_;
};

class MemoryRecordVerbs final : public RecordVerbs {
 public:
  explicit MemoryRecordVerbs(MemoryMirror& mirror) : mirror_(mirror) {}

  absl::StatusOr<std::optional<TableRecord>> ReadRecord(const std::string& table) override {
    const auto found = mirror_.records.find(FoldName(table));
    return found == mirror_.records.end() ? std::nullopt : std::optional(found->second);
  }
  absl::StatusOr<std::vector<TableRecord>> ReadRecords() override {
    std::vector<TableRecord> records;
    for (const auto& [key, record] : mirror_.records) records.push_back(record);
    return records;
  }
  absl::Status WriteRecord(const TableRecord& record) override {
    mirror_.records[FoldName(record.table)] = record;
    return absl::OkStatus();
  }
  absl::Status RemoveRecord(const std::string& table) override {
    mirror_.records.erase(FoldName(table));
    return absl::OkStatus();
  }
  absl::Status WriteRowCount(const std::string& table, std::uint64_t rows) override {
    const auto record = mirror_.records.find(FoldName(table));
    if (record != mirror_.records.end()) record->second.row_count = static_cast<std::int64_t>(rows);
    return absl::OkStatus();
  }

  absl::Status WriteChecks(const std::vector<TableCheck>& checks) override {
    for (const TableCheck& check : checks) {
      TableCheck& kept = mirror_.checks[FoldName(check.table)];
      kept = check;
      kept.row_count.reset();
    }
    return absl::OkStatus();
  }
  absl::Status ForgetCheck(const std::string& table) override {
    if (const auto found = mirror_.checks.find(FoldName(table)); found != mirror_.checks.end()) {
      found->second = {found->second.table, Equality::kUnknown, Position{}, 0, 0, found->second.wanted};
    }
    return absl::OkStatus();
  }

  absl::Status WriteHolds(const std::vector<Hold>& holds) override {
    for (Hold hold : holds) {
      const auto same = std::find_if(mirror_.holds.begin(), mirror_.holds.end(), [&](const Hold& known) {
        return known.kind == hold.kind && SameName(known.table, hold.table);
      });
      if (same != mirror_.holds.end()) {
        hold.id = same->id;
        *same = std::move(hold);
      } else {
        hold.id = ++mirror_.holds_made;
        mirror_.holds.push_back(std::move(hold));
      }
    }
    return absl::OkStatus();
  }
  absl::Status RemoveHolds(const std::vector<std::uint64_t>& ids) override {
    std::erase_if(mirror_.holds,
                  [&](const Hold& hold) { return std::find(ids.begin(), ids.end(), hold.id) != ids.end(); });
    return absl::OkStatus();
  }
  absl::Status RemoveHoldsOn(const std::string& table) override {
    std::erase_if(mirror_.holds,
                  [&](const Hold& hold) { return !hold.table.empty() && SameName(hold.table, table); });
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Loss>> ReadLosses(const std::string& table) override {
    std::vector<Loss> losses;
    for (const auto& [cycle, loss] : mirror_.losses[FoldName(table)]) losses.push_back(loss);
    return losses;
  }
  absl::Status AddLoss(const std::string& table, const Loss& loss, std::int64_t rows) override {
    const auto [at, fresh] = mirror_.losses[FoldName(table)].try_emplace(loss.cycle, loss);
    at->second.at_ms = loss.at_ms;
    at->second.rows = (fresh ? 0 : at->second.rows) + rows;
    at->second.committed = false;
    return absl::OkStatus();
  }
  absl::Status MarkLossesCommitted(const std::string& table) override {
    for (auto& [cycle, known] : mirror_.losses[FoldName(table)]) known.committed = true;
    return absl::OkStatus();
  }
  absl::Status RemoveLosses(const std::string& table) override {
    mirror_.losses.erase(FoldName(table));
    return absl::OkStatus();
  }
  absl::Status RemoveLossesBefore(std::int64_t before_ms) override {
    for (auto& [table, losses] : mirror_.losses) {
      std::erase_if(losses,
                    [&](const auto& loss) { return loss.second.committed && loss.second.at_ms < before_ms; });
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Freshness> ReadFreshness() override { return mirror_.freshness; }
  absl::Status WriteTimes(const Freshness&, const Freshness& next) override {
    mirror_.freshness.all_ms = next.all_ms;
    mirror_.freshness.tables = next.tables;
    return absl::OkStatus();
  }
  absl::Status WriteTime(const std::string& table, std::optional<std::int64_t> source_ms) override {
    mirror_.freshness.tables[FoldName(table)] = source_ms;
    return absl::OkStatus();
  }
  absl::Status WriteTargets(const FreshnessTargets& targets) override {
    mirror_.freshness.targets = targets;
    return absl::OkStatus();
  }

 private:
  MemoryMirror& mirror_;
};

class MemoryTableVerbs final : public TableVerbs {
 public:
  MemoryTableVerbs(MemoryMirror& mirror, std::int64_t value_bytes_max)
      : mirror_(mirror), value_bytes_max_(value_bytes_max) {}

  absl::StatusOr<std::optional<TableSchema>> ReadSchema(const std::string& table) override {
    return AgreedSchema(mirror_, table);
  }
  absl::Status Create(const CreateTable& create) override {
    const auto [at, fresh] =
        mirror_.tables.try_emplace(FoldName(create.schema.name), MemoryTable{create.schema, {}, {}});
    return fresh ? absl::OkStatus() : absl::FailedPreconditionError("the table is there");
  }
  absl::Status Alter(const std::string& table, const Position& position, const AlterTable& alter) override {
    const std::string key = FoldName(table);
    const auto found = mirror_.tables.find(key);
    if (found == mirror_.tables.end()) return absl::FailedPreconditionError("no such table");
    return AlterMemoryTable(alter, position, &found->second, &mirror_.lost_columns[key]);
  }
  absl::Status Refit(const std::string& table, const Position& position, const RefitTable& refit) override {
    return Alter(table, position, refit.alter);
  }
  absl::Status Agree(const AgreeSchema& agree) override {
    mirror_.agreed[FoldName(agree.schema.name)] = agree.schema;
    return absl::OkStatus();
  }
  absl::Status Retire(const std::string& table, const RetireTable& retire) override {
    Forget(FoldName(table));
    if (const auto found = mirror_.tables.find(FoldName(table)); found != mirror_.tables.end()) {
      mirror_.retired.push_back({retire.now_ms, found->second});
      mirror_.tables.erase(found);
    }
    return absl::OkStatus();
  }
  absl::Status Drop(const std::string& table) override {
    Forget(FoldName(table));
    mirror_.tables.erase(FoldName(table));
    return absl::OkStatus();
  }
  absl::Status DropRetired(std::int64_t before_ms) override {
    std::erase_if(mirror_.retired, [&](const MemoryRetired& r) { return r.retired_ms < before_ms; });
    return absl::OkStatus();
  }
  absl::Status ChangeIndexes(const std::vector<IndexChange>& changes) override {
    for (const IndexChange& change : changes) {
      mirror_.own_indexes.erase(FoldName(change.index.name));
      if (!change.columns.empty()) mirror_.own_indexes[FoldName(change.index.name)] = change.index;
    }
    return absl::OkStatus();
  }
  absl::Status WriteObjects(const std::vector<ObjectsChange>& changes) override {
    for (const ObjectsChange& change : changes) {
      mirror_.source_objects.erase(FoldName(change.table));
      if (change.objects) mirror_.source_objects[FoldName(change.table)] = {change.table, *change.objects};
    }
    return absl::OkStatus();
  }

  absl::Status BeginShadow(const std::string& table, const mirror::BeginShadow& begin) override {
    mirror_.shadows[FoldName(table)] = MemoryShadow{begin.cycle, MemoryTable{begin.schema, {}, {}}};
    return absl::OkStatus();
  }
  absl::StatusOr<std::optional<Shadow>> FindShadow(const std::string& table) override {
    const auto found = mirror_.shadows.find(FoldName(table));
    if (found == mirror_.shadows.end()) return std::optional<Shadow>();
    return Shadow{found->first, found->second.table.size()};
  }
  /// It counts them itself.
  absl::Status WriteShadowRows(const std::string&, std::int64_t) override { return absl::OkStatus(); }
  absl::StatusOr<std::int64_t> CountAbsent(const TableSchema& kept, const Shadow& shadow,
                                           std::int64_t) override {
    const auto absent = static_cast<std::int64_t>(AbsentKeys(kept, shadow).size());
    return absent < kAbsentToCount ? 0 : absent;
  }
  absl::StatusOr<std::vector<std::string>> ReadAbsentKeys(const TableSchema& kept,
                                                          const Shadow& shadow) override {
    std::vector<std::string> texts;
    for (const Row& row : AbsentKeys(kept, shadow)) {
      if (texts.size() == kHoldKeysMax) break;
      Key key;
      for (const Cell& cell : row) {
        key.push_back({.kind = cell.kind,
                       .integer = cell.integer,
                       .real = cell.real,
                       .bytes = cell.bytes.substr(0, kHoldKeyBytesMax)});
      }
      texts.push_back(HoldKeyText(key));
    }
    return texts;
  }
  absl::Status Swap(const std::string& table, std::vector<std::string>*) override {
    const auto shadow = mirror_.shadows.find(FoldName(table));
    const auto visible = mirror_.tables.find(FoldName(table));
    if (shadow == mirror_.shadows.end() || visible == mirror_.tables.end()) {
      return absl::FailedPreconditionError("the shadow or the table is gone");
    }
    visible->second = std::move(shadow->second.table);
    visible->second.schema.name = table;
    mirror_.shadows.erase(shadow);
    return absl::OkStatus();
  }
  absl::Status Merge(const TableSchema&, const Shadow&, std::int64_t) override {
    return absl::UnimplementedError("memory keeps nothing that is a partner's");
  }
  absl::Status EndOwnShadow(const std::string&) override {
    return absl::UnimplementedError("no table in memory is its own shadow");
  }
  absl::Status DropOldShadows(std::int64_t cycle) override {
    std::erase_if(mirror_.shadows, [&](const auto& shadow) { return shadow.second.cycle != cycle; });
    for (auto& [table, values] : mirror_.values) {
      std::erase_if(values, [&](const auto& value) { return value.second.cycle != cycle; });
    }
    return absl::OkStatus();
  }

  absl::Status Write(const std::string& table, const Shadow* shadow, const ApplyRows& apply, std::int64_t,
                     RowsWritten* written) override {
    const std::string key = FoldName(table);
    if (shadow == nullptr && !mirror_.tables.contains(key)) {
      return absl::FailedPreconditionError("no such table");
    }
    MemoryTable& into = shadow == nullptr ? mirror_.tables.at(key) : mirror_.shadows.at(key).table;
    return WriteToMemory(apply, &into, &mirror_.values[key], written);
  }
  absl::Status WritePart(const std::string& table, const KeepPart& part) override {
    std::map<std::uint64_t, MemoryValue>& values = mirror_.values[FoldName(table)];
    const std::uint64_t held = values.contains(part.value_id) ? values[part.value_id].bytes.size() : 0;
    if (part.offset < held && part.data.size() <= held - part.offset) return absl::OkStatus();
    if (part.offset != held) return absl::FailedPreconditionError("send the parts in order");
    std::uint64_t waiting = part.data.size();
    for (const auto& [other, of_table] : mirror_.values) {
      for (const auto& [id, value] : of_table) waiting += value.bytes.size();
    }
    const auto max = static_cast<std::uint64_t>(value_bytes_max_);
    if (held + part.data.size() > max || waiting > 2 * max) return absl::ResourceExhaustedError("too large");
    values[part.value_id].cycle = part.cycle;
    values[part.value_id].bytes += part.data;
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> HashParts(const std::string& table, std::int64_t cycle,
                                        std::uint64_t value_id) override {
    const std::map<std::uint64_t, MemoryValue>& values = mirror_.values[FoldName(table)];
    const auto found = values.find(value_id);
    return HashOf(found == values.end() || found->second.cycle != cycle ? "" : found->second.bytes);
  }

 private:
  void Forget(const std::string& key) {
    mirror_.open_receipts.erase(key);
    mirror_.agreed.erase(key);
    mirror_.shadows.erase(key);
    mirror_.values.erase(key);
    mirror_.lost_columns.erase(key);
    mirror_.checks.erase(key);
    mirror_.freshness.tables.erase(key);
    mirror_.losses.erase(key);
    mirror_.source_objects.erase(key);
    std::erase_if(mirror_.own_indexes, [&](const auto& one) { return FoldName(one.second.table) == key; });
    std::erase_if(mirror_.holds, [&](const Hold& hold) { return FoldName(hold.table) == key; });
  }

  Rows AbsentKeys(const TableSchema& kept, const Shadow& shadow) const {
    const auto visible = mirror_.tables.find(FoldName(kept.name));
    Rows absent;
    if (visible == mirror_.tables.end()) return absent;
    for (const auto& [key, row] : visible->second.keyed) {
      if (!mirror_.shadows.at(shadow.name).table.keyed.contains(key)) absent.push_back(key);
    }
    return absent;
  }

  MemoryMirror& mirror_;
  const std::int64_t value_bytes_max_;
};

class MemoryTransaction final : public StoreTransaction {
 public:
  MemoryTransaction(MemoryMirror& mirror, std::int64_t value_bytes_max, std::int64_t* commits)
      : mirror_(mirror),
        commits_(commits),
        tenant_(mirror),
        records_(mirror),
        tables_(mirror, value_bytes_max) {}

  TenantVerbs& tenant() override { return tenant_; }
  RecordVerbs& records() override { return records_; }
  TableVerbs& tables() override { return tables_; }
  JournalVerbs& journal() override { return journal_; }
  HistoryVerbs& history() override { return history_; }

  absl::Status Begin(const Intent&) override {
    if (before_) return absl::FailedPreconditionError("a transaction has begun already");
    if (!mirror_.lock->Take()) return absl::UnavailableError("somebody else writes to this mirror");
    before_ = mirror_;
    return absl::OkStatus();
  }
  absl::Status Commit(Kept) override {
    before_.reset();
    ++mirror_.version;
    if (commits_ != nullptr) ++*commits_;
    mirror_.lock->Release();
    return absl::OkStatus();
  }
  void Rollback() override {
    if (!before_) return;
    mirror_ = *std::exchange(before_, {});
    mirror_.lock->Release();
  }
  bool IsOver() const override { return !before_; }
  bool MayTryAgain() const override { return false; }
  bool ReadsItsWrites() const override { return true; }

  absl::Status SetSavepoint() override {
    mirror_.removed_receipts.clear();
    std::map<std::uint64_t, std::string> receipts = std::move(mirror_.receipts);
    mirror_.receipts.clear();
    savepoint_ = mirror_;
    mirror_.receipts = std::move(receipts);
    last_receipt_ = HeadOf(mirror_).number;
    return absl::OkStatus();
  }
  absl::Status ReleaseSavepoint() override { return absl::OkStatus(); }
  absl::Status RollBackToSavepoint() override {
    std::map<std::uint64_t, std::string> receipts = std::move(mirror_.receipts);
    receipts.erase(receipts.upper_bound(last_receipt_), receipts.end());
    receipts.merge(mirror_.removed_receipts);
    mirror_ = savepoint_;
    mirror_.receipts = std::move(receipts);
    return absl::OkStatus();
  }

 private:
  MemoryMirror& mirror_;
  std::int64_t* const commits_;
  MemoryTenantVerbs tenant_;
  MemoryRecordVerbs records_;
  MemoryTableVerbs tables_;
  NoJournal journal_;
  NoHistory history_;
  std::optional<MemoryMirror> before_;  ///< What was there when the transaction began.
  MemoryMirror savepoint_;              ///< Without receipts.
  std::uint64_t last_receipt_ = 0;      ///< When the savepoint was set.
};

}  // namespace

std::unique_ptr<StoreTransaction> MakeMemoryTransaction(MemoryMirror& mirror, std::int64_t value_bytes_max,
                                                        std::int64_t* commits) {
  return std::make_unique<MemoryTransaction>(mirror, value_bytes_max, commits);
}

}  // namespace mirror
