#include "tests/support/memory/scripted_transaction.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/support/memory/memory_transaction.h"

namespace mirror {

/// Asks `script` first, and then the verbs in memory.
#define MIRROR_NEXT(...) \
  if (absl::Status status = script_.Next(absl::StrCat(__VA_ARGS__)); !status.ok()) return status

class ScriptedTransaction::Tenant final : public TenantVerbs {
 public:
  Tenant(ScriptedTransaction& script, TenantVerbs& memory) : script_(script), memory_(memory) {}

  absl::StatusOr<TenantRecord> ReadTenant() override { return memory_.ReadTenant(); }
  absl::Status WriteTenant(const TenantRecord& tenant) override {
    MIRROR_NEXT("WriteTenant");
    return memory_.WriteTenant(tenant);
  }
  absl::Status ForgetNonces(std::int64_t before_ms) override {
    MIRROR_NEXT("ForgetNonces ", before_ms);
    return memory_.ForgetNonces(before_ms);
  }
  absl::StatusOr<NonceCount> CountNonces(const std::string& value) override {
    return memory_.CountNonces(value);
  }
  absl::Status AddNonce(const Nonce& nonce) override {
    MIRROR_NEXT("AddNonce ", nonce.value);
    return memory_.AddNonce(nonce);
  }
  absl::Status WriteAnswers(const std::vector<SchemaAnswer>& answers) override {
    MIRROR_NEXT("WriteAnswers");
    return memory_.WriteAnswers(answers);
  }
  absl::Status WriteCycleNotes(std::int64_t cycle, const CycleNoteChanges& changes) override {
    MIRROR_NEXT("WriteCycleNotes ", cycle);
    return memory_.WriteCycleNotes(cycle, changes);
  }
  absl::Status ForgetCycleNotes(std::int64_t cycle) override {
    MIRROR_NEXT("ForgetCycleNotes ", cycle);
    return memory_.ForgetCycleNotes(cycle);
  }
  absl::Status AddHookNotes(const std::vector<HookNote>& notes, const std::vector<std::string>& known,
                            std::int64_t unknown_before_ms) override {
    MIRROR_NEXT("AddHookNotes ", notes.size());
    return memory_.AddHookNotes(notes, known, unknown_before_ms);
  }
  absl::StatusOr<std::uint64_t> TrimHookNotes(std::int64_t count_max) override {
    MIRROR_NEXT("TrimHookNotes ", count_max);
    return memory_.TrimHookNotes(count_max);
  }
  absl::Status WriteDocuments(const std::vector<DocumentChange>& changes, std::int64_t now_ms) override {
    MIRROR_NEXT("WriteDocuments ", changes.size());
    return memory_.WriteDocuments(changes, now_ms);
  }
  absl::Status BoundDocuments(const DocumentBound& bound) override {
    MIRROR_NEXT("BoundDocuments ", bound.kind);
    return memory_.BoundDocuments(bound);
  }
  absl::Status RemoveHookNotes(const std::vector<std::int64_t>& ids) override {
    MIRROR_NEXT("RemoveHookNotes ", ids.size());
    return memory_.RemoveHookNotes(ids);
  }
  absl::StatusOr<ReceiptHead> ReadReceiptHead() override { return memory_.ReadReceiptHead(); }
  absl::Status AddReceipt(std::uint64_t number, const std::string& text) override {
    MIRROR_NEXT("AddReceipt ", number);
    return memory_.AddReceipt(number, text);
  }
  absl::Status RemoveReceipts(std::uint64_t through) override {
    MIRROR_NEXT("RemoveReceipts ", through);
    return memory_.RemoveReceipts(through);
  }
  absl::StatusOr<std::optional<OpenReceipt>> ReadOpenReceipt(const std::string& table) override {
    return memory_.ReadOpenReceipt(table);
  }
  absl::Status WriteOpenReceipt(const std::string& table, const OpenReceipt& open) override {
    MIRROR_NEXT("WriteOpenReceipt ", table);
    return memory_.WriteOpenReceipt(table, open);
  }

 private:
  ScriptedTransaction& script_;
  TenantVerbs& memory_;
};

class ScriptedTransaction::Records final : public RecordVerbs {
 public:
  Records(ScriptedTransaction& script, RecordVerbs& memory) : script_(script), memory_(memory) {}

  absl::StatusOr<std::optional<TableRecord>> ReadRecord(const std::string& table) override {
    return memory_.ReadRecord(table);
  }
  absl::StatusOr<std::vector<TableRecord>> ReadRecords() override { return memory_.ReadRecords(); }
  absl::Status WriteRecord(const TableRecord& record) override {
    MIRROR_NEXT("WriteRecord ", record.table);
    return memory_.WriteRecord(record);
  }
  absl::Status RemoveRecord(const std::string& table) override {
    MIRROR_NEXT("RemoveRecord ", table);
    return memory_.RemoveRecord(table);
  }
  absl::Status WriteRowCount(const std::string& table, std::uint64_t rows) override {
    MIRROR_NEXT("WriteRowCount ", table, " ", rows);
    return memory_.WriteRowCount(table, rows);
  }
  absl::Status WriteChecks(const std::vector<TableCheck>& checks) override {
    MIRROR_NEXT("WriteChecks ", checks.size());
    return memory_.WriteChecks(checks);
  }
  absl::Status ForgetCheck(const std::string& table) override {
    MIRROR_NEXT("ForgetCheck ", table);
    return memory_.ForgetCheck(table);
  }
  absl::Status WriteHolds(const std::vector<Hold>& holds) override {
    MIRROR_NEXT("WriteHolds ", holds.size());
    return memory_.WriteHolds(holds);
  }
  absl::Status RemoveHolds(const std::vector<std::uint64_t>& ids) override {
    MIRROR_NEXT("RemoveHolds ", ids.size());
    return memory_.RemoveHolds(ids);
  }
  absl::Status RemoveHoldsOn(const std::string& table) override {
    MIRROR_NEXT("RemoveHoldsOn ", table);
    return memory_.RemoveHoldsOn(table);
  }
  absl::StatusOr<std::vector<Loss>> ReadLosses(const std::string& table) override {
    return memory_.ReadLosses(table);
  }
  absl::Status AddLoss(const std::string& table, const Loss& loss, std::int64_t rows) override {
    MIRROR_NEXT("AddLoss ", table, " ", rows);
    return memory_.AddLoss(table, loss, rows);
  }
  absl::Status MarkLossesCommitted(const std::string& table) override {
    MIRROR_NEXT("MarkLossesCommitted ", table);
    return memory_.MarkLossesCommitted(table);
  }
  absl::Status RemoveLosses(const std::string& table) override {
    MIRROR_NEXT("RemoveLosses ", table);
    return memory_.RemoveLosses(table);
  }
  absl::Status RemoveLossesBefore(std::int64_t before_ms) override {
    MIRROR_NEXT("RemoveLossesBefore ", before_ms);
    return memory_.RemoveLossesBefore(before_ms);
  }
  absl::StatusOr<Freshness> ReadFreshness() override { return memory_.ReadFreshness(); }
  absl::Status WriteTimes(const Freshness& now, const Freshness& next) override {
    MIRROR_NEXT("WriteTimes");
    return memory_.WriteTimes(now, next);
  }
  absl::Status WriteTime(const std::string& table, std::optional<std::int64_t> source_ms) override {
    MIRROR_NEXT("WriteTime ", table, " ", source_ms ? absl::StrCat(*source_ms) : "unknown");
    return memory_.WriteTime(table, source_ms);
  }
  absl::Status WriteTargets(const FreshnessTargets& targets) override {
    MIRROR_NEXT("WriteTargets");
    return memory_.WriteTargets(targets);
  }

 private:
  ScriptedTransaction& script_;
  RecordVerbs& memory_;
};

class ScriptedTransaction::Tables final : public TableVerbs {
 public:
  Tables(ScriptedTransaction& script, TableVerbs& memory) : script_(script), memory_(memory) {}

  absl::StatusOr<std::optional<TableSchema>> ReadSchema(const std::string& table) override {
    return memory_.ReadSchema(table);
  }
  absl::Status Create(const CreateTable& create) override {
    MIRROR_NEXT("Create ", create.schema.name);
    return memory_.Create(create);
  }
  absl::Status Alter(const std::string& table, const Position& position, const AlterTable& alter) override {
    MIRROR_NEXT("Alter ", table);
    return memory_.Alter(table, position, alter);
  }
  absl::Status Refit(const std::string& table, const Position& position, const RefitTable& refit) override {
    MIRROR_NEXT("Refit ", table);
    return memory_.Refit(table, position, refit);
  }
  absl::Status Agree(const AgreeSchema& agree) override {
    MIRROR_NEXT("Agree ", agree.schema.name);
    return memory_.Agree(agree);
  }
  absl::Status Retire(const std::string& table, const RetireTable& retire) override {
    MIRROR_NEXT("Retire ", table);
    return memory_.Retire(table, retire);
  }
  absl::Status Drop(const std::string& table) override {
    MIRROR_NEXT("Drop ", table);
    return memory_.Drop(table);
  }
  absl::Status DropRetired(std::int64_t before_ms) override {
    MIRROR_NEXT("DropRetired ", before_ms);
    return memory_.DropRetired(before_ms);
  }
  absl::Status ChangeIndexes(const std::vector<IndexChange>& changes) override {
    MIRROR_NEXT("ChangeIndexes ", changes.size());
    return memory_.ChangeIndexes(changes);
  }
  absl::Status WriteObjects(const std::vector<ObjectsChange>& changes) override {
    MIRROR_NEXT("WriteObjects ", changes.size());
    return memory_.WriteObjects(changes);
  }
  absl::Status BeginShadow(const std::string& table, const mirror::BeginShadow& begin) override {
    MIRROR_NEXT("BeginShadow ", table);
    return memory_.BeginShadow(table, begin);
  }
  absl::StatusOr<std::optional<Shadow>> FindShadow(const std::string& table) override {
    return memory_.FindShadow(table);
  }
  absl::Status WriteShadowRows(const std::string& table, std::int64_t rows) override {
    MIRROR_NEXT("WriteShadowRows ", table, " ", rows);
    return memory_.WriteShadowRows(table, rows);
  }
  absl::StatusOr<std::int64_t> CountAbsent(const TableSchema& kept, const Shadow& shadow,
                                           std::int64_t may_lose) override {
    MIRROR_NEXT("CountAbsent ", may_lose);
    return memory_.CountAbsent(kept, shadow, may_lose);
  }
  absl::StatusOr<std::vector<std::string>> ReadAbsentKeys(const TableSchema& kept,
                                                          const Shadow& shadow) override {
    return memory_.ReadAbsentKeys(kept, shadow);
  }
  absl::Status Swap(const std::string& table, std::vector<std::string>* left_out) override {
    MIRROR_NEXT("Swap ", table);
    return memory_.Swap(table, left_out);
  }
  absl::Status Merge(const TableSchema& kept, const Shadow&, std::int64_t now_ms) override {
    MIRROR_NEXT("Merge ", kept.name, " ", now_ms);
    std::vector<std::string> left_out;
    return memory_.Swap(kept.name, &left_out);
  }
  absl::Status EndOwnShadow(const std::string& table) override {
    MIRROR_NEXT("EndOwnShadow ", table);
    return absl::OkStatus();
  }
  absl::Status DropOldShadows(std::int64_t cycle) override {
    MIRROR_NEXT("DropOldShadows ", cycle);
    return memory_.DropOldShadows(cycle);
  }
  absl::Status Write(const std::string& table, const Shadow* shadow, const ApplyRows& apply,
                     std::int64_t now_ms, RowsWritten* written) override {
    MIRROR_NEXT("Write ", table, shadow != nullptr ? " shadow" : "");
    return memory_.Write(table, shadow, apply, now_ms, written);
  }
  absl::Status WritePart(const std::string& table, const KeepPart& part) override {
    MIRROR_NEXT("WritePart ", table);
    return memory_.WritePart(table, part);
  }
  absl::StatusOr<std::string> HashParts(const std::string& table, std::int64_t cycle,
                                        std::uint64_t value_id) override {
    MIRROR_NEXT("HashParts ", table, " ", value_id);
    return memory_.HashParts(table, cycle, value_id);
  }

 private:
  ScriptedTransaction& script_;
  TableVerbs& memory_;
};

#undef MIRROR_NEXT

ScriptedTransaction::ScriptedTransaction()
    : memory_(MakeMemoryTransaction(mirror, 1'000)),
      tenant_(std::make_unique<Tenant>(*this, memory_->tenant())),
      records_(std::make_unique<Records>(*this, memory_->records())),
      tables_(std::make_unique<Tables>(*this, memory_->tables())) {}

ScriptedTransaction::~ScriptedTransaction() = default;

TenantVerbs& ScriptedTransaction::tenant() { return *tenant_; }
RecordVerbs& ScriptedTransaction::records() { return *records_; }
TableVerbs& ScriptedTransaction::tables() { return *tables_; }
JournalVerbs& ScriptedTransaction::journal() { return memory_->journal(); }
HistoryVerbs& ScriptedTransaction::history() { return memory_->history(); }

absl::Status ScriptedTransaction::Next(const std::string& verb) {
  verbs.push_back(verb);
  const auto found = failures.find(verb);
  if (found == failures.end() || found->second.empty()) return absl::OkStatus();
  absl::Status status = found->second.front();
  found->second.erase(found->second.begin());
  return status;
}

absl::Status ScriptedTransaction::Begin(const Intent& intent) {
  if (absl::Status status = Next("Begin"); !status.ok()) return status;
  return memory_->Begin(intent);
}
absl::Status ScriptedTransaction::Commit(Kept kept) {
  if (absl::Status status = Next("Commit"); !status.ok()) {
    memory_->Rollback();
    return status;
  }
  last_kept = kept;
  return memory_->Commit(kept);
}
void ScriptedTransaction::Rollback() {
  Next("Rollback").IgnoreError();
  memory_->Rollback();
}
absl::Status ScriptedTransaction::SetSavepoint() {
  if (absl::Status status = Next("SetSavepoint"); !status.ok()) return status;
  return memory_->SetSavepoint();
}
absl::Status ScriptedTransaction::ReleaseSavepoint() {
  if (absl::Status status = Next("ReleaseSavepoint"); !status.ok()) return status;
  return memory_->ReleaseSavepoint();
}
absl::Status ScriptedTransaction::RollBackToSavepoint() {
  if (absl::Status status = Next("RollBackToSavepoint"); !status.ok()) return status;
  return memory_->RollBackToSavepoint();
}

}  // namespace mirror
