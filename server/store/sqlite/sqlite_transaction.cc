#include "server/store/sqlite/sqlite_transaction.h"

#include <sqlite3.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "base/crash_point.h"
#include "base/status_macros.h"
#include "server/store/live_rows.h"
#include "server/store/sqlite/file/sqlite_cycle_notes.h"
#include "server/store/sqlite/file/sqlite_documents.h"
#include "server/store/sqlite/file/sqlite_files.h"
#include "server/store/sqlite/file/sqlite_gathering_vfs.h"
#include "server/store/sqlite/file/sqlite_hooks.h"
#include "server/store/sqlite/file/sqlite_ledger.h"
#include "server/store/sqlite/file/sqlite_metadata.h"
#include "server/store/sqlite/file/sqlite_receipts.h"
#include "server/store/sqlite/file/sqlite_tenant.h"
#include "server/store/sqlite/file/sqlite_times.h"
#include "server/store/sqlite/rows/sqlite_history.h"
#include "server/store/sqlite/rows/sqlite_journal.h"
#include "server/store/sqlite/rows/sqlite_objects.h"
#include "server/store/sqlite/rows/sqlite_partner_table.h"
#include "server/store/sqlite/rows/sqlite_rows.h"
#include "server/store/sqlite/rows/sqlite_schema.h"
#include "server/store/sqlite/rows/sqlite_swap.h"
#include "server/store/sqlite/sqlite_mirror_check.h"

namespace mirror {
namespace {

class SqliteTenantVerbs final : public TenantVerbs {
 public:
  SqliteTenantVerbs(SqliteConnection& connection, std::string context_id, SqliteWaiting& waiting)
      : connection_(connection), context_id_(std::move(context_id)), waiting_(waiting) {}

  absl::StatusOr<TenantRecord> ReadTenant() override {
    absl::StatusOr<TenantRecord> tenant = ReadTenantOf(connection_, context_id_);
    return tenant.ok() ? waiting_.Show(*std::move(tenant)) : tenant;
  }
  absl::Status WriteTenant(const TenantRecord& tenant) override {
    if (!waiting_.has_begun()) return UpdateTenant(connection_, tenant);
    waiting_.TakeTenant(tenant);
    return absl::OkStatus();
  }

  absl::Status ForgetNonces(std::int64_t before_ms) override {
    if (!waiting_.has_begun()) return ::mirror::ForgetNonces(connection_, before_ms);
    waiting_.ForgetNonces(before_ms);
    return absl::OkStatus();
  }
  absl::StatusOr<NonceCount> CountNonces(const std::string& value) override {
    return waiting_.CountNonces(connection_, value);
  }
  absl::Status AddNonce(const Nonce& nonce) override {
    if (!waiting_.has_begun()) return InsertNonce(connection_, nonce);
    waiting_.TakeNonce(nonce);
    return absl::OkStatus();
  }

  absl::Status WriteAnswers(const std::vector<SchemaAnswer>& answers) override {
    if (waiting_.has_begun()) return waiting_.TakeAnswers(connection_, answers);
    return ::mirror::WriteAnswers(connection_, answers);
  }
  absl::Status WriteCycleNotes(std::int64_t cycle, const CycleNoteChanges& changes) override {
    if (!waiting_.has_begun()) return ::mirror::WriteCycleNotes(connection_, cycle, changes);
    waiting_.TakeNotes(changes);
    return absl::OkStatus();
  }
  absl::Status ForgetCycleNotes(std::int64_t cycle) override {
    if (waiting_.has_begun()) waiting_.ForgetNotes(cycle);
    return ::mirror::ForgetCycleNotes(connection_, cycle);
  }

  absl::Status AddHookNotes(const std::vector<HookNote>& notes, const std::vector<std::string>& known,
                            std::int64_t unknown_before_ms) override {
    return AddHooks(connection_, notes, known, unknown_before_ms);
  }
  absl::StatusOr<std::uint64_t> TrimHookNotes(std::int64_t count_max) override {
    return TrimHooks(connection_, count_max);
  }
  absl::Status RemoveHookNotes(const std::vector<std::int64_t>& ids) override {
    return RemoveHooks(connection_, ids);
  }

  absl::Status WriteDocuments(const std::vector<DocumentChange>& changes, std::int64_t now_ms) override {
    return ::mirror::WriteDocuments(connection_, changes, now_ms);
  }
  absl::Status BoundDocuments(const DocumentBound& bound) override {
    return ::mirror::BoundDocuments(connection_, bound);
  }

  absl::StatusOr<ReceiptHead> ReadReceiptHead() override { return SelectReceiptHead(connection_); }
  absl::Status AddReceipt(std::uint64_t number, const std::string& text) override {
    return InsertReceipt(connection_, number, text);
  }
  absl::Status RemoveReceipts(std::uint64_t through) override {
    return ::mirror::RemoveReceipts(connection_, through);
  }
  absl::StatusOr<std::optional<OpenReceipt>> ReadOpenReceipt(const std::string& table) override {
    return SelectOpenReceipt(connection_, table);
  }
  absl::Status WriteOpenReceipt(const std::string& table, const OpenReceipt& open) override {
    return ::mirror::WriteOpenReceipt(connection_, table, open);
  }

 private:
  SqliteConnection& connection_;
  const std::string context_id_;
  SqliteWaiting& waiting_;
};

class SqliteRecordVerbs final : public RecordVerbs {
 public:
  SqliteRecordVerbs(SqliteConnection& connection, const std::string& context_id, SqliteWaiting& waiting)
      : connection_(connection), metadata_(MetadataTable(context_id)), waiting_(waiting) {}

  absl::StatusOr<std::optional<TableRecord>> ReadRecord(const std::string& table) override {
    return SelectRecord(connection_, metadata_, table);
  }
  absl::StatusOr<std::vector<TableRecord>> ReadRecords() override {
    return SelectRecords(connection_, metadata_);
  }
  absl::Status WriteRecord(const TableRecord& record) override {
    return ::mirror::WriteRecord(connection_, metadata_, record);
  }
  absl::Status RemoveRecord(const std::string& table) override {
    return ::mirror::RemoveRecord(connection_, metadata_, table);
  }
  absl::Status WriteRowCount(const std::string& table, std::uint64_t rows) override {
    return UpdateRowCount(connection_, metadata_, table, rows);
  }

  absl::Status WriteChecks(const std::vector<TableCheck>& checks) override {
    return Each(checks, [&](const TableCheck& check) { return WriteCheck(connection_, check); });
  }
  absl::Status ForgetCheck(const std::string& table) override {
    return ::mirror::ForgetCheck(connection_, table);
  }

  absl::Status WriteHolds(const std::vector<Hold>& holds) override {
    return Each(holds, [&](const Hold& hold) { return WriteHold(connection_, hold); });
  }
  absl::Status RemoveHolds(const std::vector<std::uint64_t>& ids) override {
    return Each(ids, [&](std::uint64_t id) { return RemoveHold(connection_, id); });
  }
  absl::Status RemoveHoldsOn(const std::string& table) override { return SettleHolds(connection_, table); }

  absl::StatusOr<std::vector<Loss>> ReadLosses(const std::string& table) override {
    return SelectLosses(connection_, table);
  }
  absl::Status AddLoss(const std::string& table, const Loss& loss, std::int64_t rows) override {
    return ::mirror::AddLoss(connection_, table, loss, rows);
  }
  absl::Status MarkLossesCommitted(const std::string& table) override {
    return ::mirror::MarkLossesCommitted(connection_, table);
  }
  absl::Status RemoveLosses(const std::string& table) override { return ForgetLosses(connection_, table); }
  absl::Status RemoveLossesBefore(std::int64_t before_ms) override {
    return ForgetLosses(connection_, before_ms);
  }

  absl::StatusOr<Freshness> ReadFreshness() override {
    absl::StatusOr<Freshness> freshness = SelectFreshness(connection_);
    if (freshness.ok()) waiting_.Show(&*freshness);
    return freshness;
  }
  absl::Status WriteTimes(const Freshness& now, const Freshness& next) override {
    if (waiting_.has_begun()) return waiting_.TakeTimes(connection_, next);
    return ::mirror::WriteTimes(connection_, now, next);
  }
  absl::Status WriteTime(const std::string& table, std::optional<std::int64_t> source_ms) override {
    return SetTime(connection_, table, source_ms);
  }
  absl::Status WriteTargets(const FreshnessTargets& targets) override {
    return ::mirror::WriteTargets(connection_, targets);
  }

 private:
  template <typename T, typename Do>
  static absl::Status Each(const std::vector<T>& all, const Do& what) {
    for (const T& one : all) {
      RETURN_IF_ERROR(what(one));
    }
    return absl::OkStatus();
  }

  SqliteConnection& connection_;
  const std::string metadata_;
  SqliteWaiting& waiting_;
};

class SqliteTableVerbs final : public TableVerbs {
 public:
  SqliteTableVerbs(SqliteConnection& connection, const SqliteOptions& options)
      : connection_(connection), apply_(options.apply), value_bytes_max_(options.value_bytes_max) {}

  absl::StatusOr<std::optional<TableSchema>> ReadSchema(const std::string& table) override {
    return SelectSchema(connection_, table);
  }
  absl::Status Create(const CreateTable& create) override {
    absl::Status free = YieldViewName(connection_, create.schema.name);
    return free.ok() ? RunCreateTable(connection_, create) : free;
  }
  absl::Status Alter(const std::string& table, const Position& position, const AlterTable& alter) override {
    RETURN_IF_ERROR(DropHistoryView(connection_, table));
    return RunAlterTable(connection_, table, position, alter);
  }
  absl::Status Refit(const std::string& table, const Position& position, const RefitTable& refit) override {
    RETURN_IF_ERROR(DropHistoryView(connection_, table));
    return RunRefitTable(connection_, table, position, refit);
  }
  absl::Status Agree(const AgreeSchema& agree) override { return RunAgreeSchema(connection_, agree); }
  absl::Status Retire(const std::string& table, const RetireTable& retire) override {
    return RunRetireTable(connection_, table, retire);
  }
  absl::Status Drop(const std::string& table) override { return RunDropTable(connection_, table); }
  absl::Status DropRetired(std::int64_t before_ms) override {
    return ::mirror::DropRetired(connection_, before_ms);
  }
  absl::Status ChangeIndexes(const std::vector<IndexChange>& changes) override {
    for (const IndexChange& change : changes) {
      RETURN_IF_ERROR(ChangeIndex(connection_, change));
    }
    return absl::OkStatus();
  }
  absl::Status WriteObjects(const std::vector<ObjectsChange>& changes) override {
    for (const ObjectsChange& change : changes) {
      RETURN_IF_ERROR(::mirror::WriteObjects(connection_, change));
    }
    return absl::OkStatus();
  }

  absl::Status BeginShadow(const std::string& table, const mirror::BeginShadow& begin) override {
    return RunBeginShadow(connection_, table, begin);
  }
  absl::StatusOr<std::optional<Shadow>> FindShadow(const std::string& table) override {
    return ::mirror::FindShadow(connection_, table);
  }
  absl::Status WriteShadowRows(const std::string& table, std::int64_t rows) override {
    return SetShadowRows(connection_, table, rows);
  }
  absl::StatusOr<std::int64_t> CountAbsent(const TableSchema& kept, const Shadow& shadow,
                                           std::int64_t may_lose) override {
    return ::mirror::CountAbsent(connection_, kept, shadow.name, may_lose);
  }
  absl::StatusOr<std::vector<std::string>> ReadAbsentKeys(const TableSchema& kept,
                                                          const Shadow& shadow) override {
    return AbsentKeys(connection_, kept, shadow.name);
  }
  absl::Status Swap(const std::string& table, std::vector<std::string>* left_out) override {
    absl::Status swapped = RunSwap(connection_, table, left_out);
    return swapped.ok() ? MendHistoryView(connection_, table) : swapped;
  }
  absl::Status Merge(const TableSchema& kept, const Shadow& shadow, std::int64_t now_ms) override {
    return RunMerge(connection_, kept, shadow.name, now_ms);
  }
  absl::Status EndOwnShadow(const std::string& table) override { return ForgetShadow(connection_, table); }
  absl::Status DropOldShadows(std::int64_t cycle) override {
    return ::mirror::DropOldShadows(connection_, cycle);
  }

  absl::Status Write(const std::string& table, const Shadow* shadow, const ApplyRows& apply,
                     std::int64_t now_ms, RowsWritten* written) override {
    ApplyRows into = apply;
    TableSchema of_shadow;
    if (shadow != nullptr && KeepsPartner(*apply.schema)) {
      // A shadow has only rows of the source.
      of_shadow = *apply.schema;
      of_shadow.preserve_target = shadow->is_table && HasOwned(*apply.schema);
      of_shadow.deletes = Deletes::kApply;
      into.schema = &of_shadow;
    }
    const std::string& target = shadow == nullptr ? table : shadow->name;
    absl::Status status = WriteRows(connection_, target, into, apply_, now_ms, written);
    if (status.ok()) CrashPoint("rows.written");
    return status;
  }
  absl::Status WritePart(const std::string& table, const KeepPart& part) override {
    return ::mirror::WritePart(connection_, table, part.cycle, part, value_bytes_max_);
  }
  absl::StatusOr<std::string> HashParts(const std::string& table, std::int64_t cycle,
                                        std::uint64_t value_id) override {
    return ::mirror::HashParts(connection_, table, cycle, value_id);
  }

 private:
  SqliteConnection& connection_;
  const ApplyMethod apply_;
  const std::int64_t value_bytes_max_;
};

class SqliteTransaction final : public StoreTransaction {
 public:
  SqliteTransaction(SqliteConnection& connection, const std::string& context_id, const SqliteOptions& options,
                    SqliteWaiting& waiting)
      : connection_(connection),
        waiting_(waiting),
        tenant_(connection, context_id, waiting),
        records_(connection, context_id, waiting),
        tables_(connection, options),
        journal_(MakeSqliteJournal(connection)),
        history_(MakeSqliteHistory(connection)) {}

  TenantVerbs& tenant() override { return tenant_; }
  RecordVerbs& records() override { return records_; }
  TableVerbs& tables() override { return tables_; }
  JournalVerbs& journal() override { return *journal_; }
  HistoryVerbs& history() override { return *history_; }

  absl::Status Begin(const Intent&) override {
    RETURN_IF_ERROR(ExecuteKept(connection_, "BEGIN IMMEDIATE"));
    CrashPoint("commit.begun");
    if (!HasOtherLayout(connection_)) return absl::OkStatus();
    Rollback();
    return FileReplaced(connection_);
  }

  absl::Status StartPlan(const Plan& plan) override {
    // A plan without steps changes no definition, except indexes.
    const bool may_wait = plan.kept == Kept::kWithNext && plan.steps.empty() && plan.index_changes.empty() &&
                          !connection_.building();
    ends_stored_cycle_ = waiting_.has_stored_cycle() && plan.tenant && !plan.tenant->active;
    if (!may_wait || !waiting_.Begin()) return waiting_.Write(connection_);
    changes_before_ = sqlite3_total_changes64(connection_.handle());
    return absl::OkStatus();
  }

  absl::Status Commit(Kept kept) override {
    CrashPoint("commit.before");
    // Checks the files again, as late as possible. If another file is at the path, an acknowledged commit
    // would be lost.
    if (!connection_.SameFile() || !connection_.SameLog()) {
      Rollback();
      absl::Status status = CheckFiles(connection_);
      return status.ok() ? FileReplaced(connection_) : status;
    }
    const bool wrote_nothing = sqlite3_total_changes64(connection_.handle()) == changes_before_;
    if (waiting_.has_begun() && wrote_nothing && waiting_.MayWait()) {
      waiting_.Keep();
      Rollback();
      return absl::OkStatus();
    }
    if (absl::Status written = waiting_.Write(connection_); !written.ok()) {
      Rollback();
      return written;
    }
    std::optional<CommitWithoutSync> without;
    if (kept == Kept::kWithNext && !ends_stored_cycle_) without.emplace(connection_.handle());
    const absl::Status committed = ExecuteKept(connection_, "COMMIT");
    without.reset();
    held_.reset();
    if (absl::Status status = committed; !status.ok()) {
      Rollback();
      return status;
    }
    waiting_.Written();
    CrashPoint("commit.after");
    if (!connection_.SameLog() && !connection_.EmptyLog(SqliteConnection::kBusyTimeoutMs)) {
      return NotKept(connection_);
    }
    connection_.Committed();
    return absl::OkStatus();
  }

  void Rollback() override {
    if (!IsOver()) connection_.Execute("ROLLBACK").IgnoreError();
    held_.reset();
    waiting_.Drop();
  }
  bool IsOver() const override { return !connection_.database().InTransaction(); }
  /// Returns false: no one else writes to the file meanwhile.
  bool MayTryAgain() const override { return false; }
  bool ReadsItsWrites() const override { return true; }

  absl::Status SetSavepoint() override {
    if (!held_) held_.emplace(connection_.handle());
    return connection_.Execute("SAVEPOINT step");
  }
  absl::Status ReleaseSavepoint() override { return connection_.Execute("RELEASE step"); }
  absl::Status RollBackToSavepoint() override {
    return connection_.Execute("ROLLBACK TO step; RELEASE step");
  }

 private:
  SqliteConnection& connection_;
  SqliteWaiting& waiting_;
  std::int64_t changes_before_ = 0;  ///< SQLite's count of changes at the begin of a plan that may wait.
  bool ends_stored_cycle_ = false;   ///< The running cycle is stored in the file, and the plan ends it.
  SqliteTenantVerbs tenant_;
  SqliteRecordVerbs records_;
  SqliteTableVerbs tables_;
  const std::unique_ptr<JournalVerbs> journal_;
  const std::unique_ptr<HistoryVerbs> history_;
  std::optional<HeldPages> held_;  ///< Set after the first savepoint of the transaction.
};

}  // namespace

std::unique_ptr<StoreTransaction> MakeSqliteTransaction(SqliteConnection& connection,
                                                        const std::string& context_id,
                                                        const SqliteOptions& options,
                                                        SqliteWaiting& waiting) {
  return std::make_unique<SqliteTransaction>(connection, context_id, options, waiting);
}

}  // namespace mirror
