#include "server/store/postgres/postgres_transaction.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/crash_point.h"
#include "base/db/postgres/failure.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/store/postgres/history_verbs.h"
#include "server/store/postgres/place/place_words.h"
#include "server/store/postgres/records/document_rows.h"
#include "server/store/postgres/records/hook_rows.h"
#include "server/store/postgres/records/ledger_rows.h"
#include "server/store/postgres/records/receipt_rows.h"
#include "server/store/postgres/records/state_rows.h"
#include "server/store/postgres/records/time_rows.h"
#include "server/store/postgres/table_verbs.h"
#include "server/store/postgres/tidy_mirror.h"

namespace mirror {
namespace {

/// What both of the following have.
class InWork {
 public:
  explicit InWork(PostgresMirror& mirror) : mirror_(mirror) {}

 protected:
  WorkView& view() { return *mirror_.work->view; }
  OwnWrites& writes() { return view().writes(); }
  SeenMarks& seen() { return mirror_.work->seen; }
  const PostgresOwnTables& names() const { return mirror_.names; }

 private:
  PostgresMirror& mirror_;
};

class PostgresTenantVerbs final : public TenantVerbs, private InWork {
 public:
  using InWork::InWork;

  absl::StatusOr<TenantRecord> ReadTenant() override { return view().row().tenant; }
  absl::Status WriteTenant(const TenantRecord& tenant) override {
    view().PutTenant(tenant);
    return absl::OkStatus();
  }

  absl::Status ForgetNonces(std::int64_t before_ms) override {
    ::mirror::ForgetNonces(writes(), names(), before_ms);
    return absl::OkStatus();
  }
  absl::StatusOr<NonceCount> CountNonces(const std::string& value) override {
    RETURN_IF_ERROR(writes().Send(view().connection()));
    return ::mirror::CountNonces(view().connection(), names(), value);
  }
  absl::Status AddNonce(const Nonce& nonce) override {
    InsertNonce(writes(), names(), nonce);
    return absl::OkStatus();
  }

  absl::Status WriteAnswers(const std::vector<SchemaAnswer>& answers) override {
    ::mirror::WriteAnswers(writes(), names(), answers);
    return absl::OkStatus();
  }
  absl::Status WriteCycleNotes(std::int64_t cycle, const CycleNoteChanges& changes) override {
    ::mirror::WriteCycleNotes(writes(), names(), cycle, changes);
    return absl::OkStatus();
  }
  absl::Status ForgetCycleNotes(std::int64_t cycle) override {
    ::mirror::ForgetCycleNotes(writes(), names(), cycle);
    return absl::OkStatus();
  }

  absl::Status AddHookNotes(const std::vector<HookNote>& notes, const std::vector<std::string>& known,
                            std::int64_t unknown_before_ms) override {
    AddHooks(writes(), names(), notes, known, unknown_before_ms);
    return absl::OkStatus();
  }
  absl::StatusOr<std::uint64_t> TrimHookNotes(std::int64_t count_max) override {
    RETURN_IF_ERROR(writes().Send(view().connection()));
    return TrimHooks(view().connection(), names(), count_max);
  }
  absl::Status RemoveHookNotes(const std::vector<std::int64_t>& ids) override {
    RemoveHooks(writes(), names(), ids);
    return absl::OkStatus();
  }

  absl::Status WriteDocuments(const std::vector<DocumentChange>& changes, std::int64_t now_ms) override {
    ::mirror::WriteDocuments(writes(), names(), changes, now_ms);
    seen().Put(changes);
    return absl::OkStatus();
  }
  absl::Status BoundDocuments(const DocumentBound& bound) override {
    ::mirror::BoundDocuments(writes(), names(), bound);
    return absl::OkStatus();
  }

  absl::StatusOr<ReceiptHead> ReadReceiptHead() override { return view().receipt_head(); }
  absl::Status AddReceipt(std::uint64_t number, const std::string& text) override {
    view().AddReceipt(number, text);
    return absl::OkStatus();
  }
  absl::Status RemoveReceipts(std::uint64_t through) override {
    ::mirror::RemoveReceipts(writes(), names(), through);
    return absl::OkStatus();
  }
  absl::StatusOr<std::optional<OpenReceipt>> ReadOpenReceipt(const std::string& table) override {
    return view().FindOpenReceipt(table);
  }
  absl::Status WriteOpenReceipt(const std::string& table, const OpenReceipt& open) override {
    view().PutOpenReceipt(table, open);
    return absl::OkStatus();
  }
};

class PostgresRecordVerbs final : public RecordVerbs, private InWork {
 public:
  using InWork::InWork;

  absl::StatusOr<std::optional<TableRecord>> ReadRecord(const std::string& table) override {
    return view().FindRecord(table);
  }
  absl::StatusOr<std::vector<TableRecord>> ReadRecords() override { return view().Records(); }
  absl::Status WriteRecord(const TableRecord& record) override {
    view().PutRecord(record);
    return absl::OkStatus();
  }
  absl::Status RemoveRecord(const std::string& table) override {
    view().RemoveRecord(table);
    return absl::OkStatus();
  }
  absl::Status WriteRowCount(const std::string& table, std::uint64_t rows) override {
    ASSIGN_OR_RETURN(std::optional<TableRecord> record, view().FindRecord(table));
    if (!record || record->row_count == static_cast<std::int64_t>(rows)) return absl::OkStatus();
    record->row_count = static_cast<std::int64_t>(rows);
    return WriteRecord(*record);
  }

  absl::Status WriteChecks(const std::vector<TableCheck>& checks) override {
    for (const TableCheck& check : checks) WriteCheck(writes(), names(), check);
    return absl::OkStatus();
  }
  absl::Status ForgetCheck(const std::string& table) override {
    ::mirror::ForgetCheck(writes(), names(), table);
    return absl::OkStatus();
  }

  absl::Status WriteHolds(const std::vector<Hold>& holds) override {
    for (const Hold& hold : holds) WriteHold(writes(), names(), hold);
    return absl::OkStatus();
  }
  absl::Status RemoveHolds(const std::vector<std::uint64_t>& ids) override {
    for (const std::uint64_t id : ids) RemoveHold(writes(), names(), id);
    return absl::OkStatus();
  }
  absl::Status RemoveHoldsOn(const std::string& table) override {
    SettleHolds(writes(), names(), table);
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Loss>> ReadLosses(const std::string& table) override {
    return SelectLosses(view().state(), names(), table);
  }
  absl::Status AddLoss(const std::string& table, const Loss& loss, std::int64_t rows) override {
    ::mirror::AddLoss(writes(), names(), table, loss, rows);
    return absl::OkStatus();
  }
  absl::Status MarkLossesCommitted(const std::string& table) override {
    ::mirror::MarkLossesCommitted(writes(), names(), table);
    return absl::OkStatus();
  }
  absl::Status RemoveLosses(const std::string& table) override {
    RemoveState(writes(), names(), StateKind::kLoss, FoldName(table));
    return absl::OkStatus();
  }
  absl::Status RemoveLossesBefore(std::int64_t before_ms) override {
    ForgetLosses(writes(), names(), before_ms);
    return absl::OkStatus();
  }

  absl::StatusOr<Freshness> ReadFreshness() override { return SelectFreshness(view().state(), names()); }
  absl::Status WriteTimes(const Freshness& now, const Freshness& next) override {
    ::mirror::WriteTimes(writes(), names(), now, next);
    return absl::OkStatus();
  }
  absl::Status WriteTime(const std::string& table, std::optional<std::int64_t> source_ms) override {
    ::mirror::WriteTime(writes(), names(), table, source_ms);
    return absl::OkStatus();
  }
  absl::Status WriteTargets(const FreshnessTargets& targets) override {
    ::mirror::WriteTargets(writes(), names(), targets);
    return absl::OkStatus();
  }
};

class PostgresTransaction final : public StoreTransaction {
 public:
  explicit PostgresTransaction(PostgresMirror& mirror)
      : mirror_(mirror),
        tenant_(mirror),
        records_(mirror),
        tables_(MakePostgresTableVerbs(mirror)),
        journal_(MakePostgresJournalVerbs(mirror)),
        history_(MakePostgresHistoryVerbs(mirror)) {}

  TenantVerbs& tenant() override { return tenant_; }
  RecordVerbs& records() override { return records_; }
  TableVerbs& tables() override { return *tables_; }
  JournalVerbs& journal() override { return *journal_; }
  HistoryVerbs& history() override { return *history_; }

  absl::Status Begin(const Intent& intent) override {
    if (mirror_.work) return absl::InternalError("a transaction has begun already. Nothing was done.");
    mirror_.may_try_again = false;
    if (mirror_.stale == Stale::kWentBack) return WentBack();
    bool is_elsewhere = false;
    absl::Status begun = TakeAndBegin(intent, &is_elsewhere);
    if (!is_elsewhere) return begun;
    mirror_.place.ForgetNode(mirror_.names.tenant);
    mirror_.may_try_again = false;
    return TakeAndBegin(intent, &is_elsewhere);
  }

  absl::Status Commit(Kept) override {
    CrashPoint("commit.before");
    PostgresWork& work = *mirror_.work;
    WorkView& view = *work.view;
    if (absl::Status noted = view.NoteEmptiedAnyway(); !noted.ok()) return Failed(noted);
    if (absl::Status moved = view.MoveRevisions(); !moved.ok()) {
      mirror_.may_try_again = true;
      Rollback();
      return moved;
    }
    postgres::Pipeline pipeline(view.connection());
    view.writes().QueueIn(pipeline);
    bool has_standby = true;
    bool* const asked = mirror_.options.replicated ? &has_standby : nullptr;
    const absl::Status committed = work.transaction.Commit(pipeline, "", asked).status();
    if (!committed.ok()) return Failed(committed);
    mirror_.has_standby = mirror_.has_standby && has_standby;
    CrashPoint("commit.after");
    mirror_.seen.rev = view.row().rev;
    mirror_.NoteStateRev(view.row().state_rev, /*written=*/true);
    Tidy(work);
    mirror_.work.reset();
    return absl::OkStatus();
  }

  void Rollback() override {
    if (!mirror_.work) return;
    if (mirror_.work->view) {
      mirror_.Said(mirror_.work->view->writes().failed()).IgnoreError();
      mirror_.work->view->ForgetDefinitions();
    }
    mirror_.work.reset();
  }
  bool IsOver() const override {
    return !mirror_.work || !mirror_.work->view->writes().failed().ok() ||
           !mirror_.work->lease->InTransaction();
  }
  /// They are collected until the commit.
  bool ReadsItsWrites() const override { return false; }
  bool MayTryAgain() const override {
    return mirror_.may_try_again ||
           (mirror_.work && ::mirror::MayTryAgain(mirror_.work->view->writes().failed()));
  }

  absl::Status SetSavepoint() override {
    mirror_.work->view->SetSavepoint();
    return absl::OkStatus();
  }
  absl::Status ReleaseSavepoint() override {
    mirror_.work->view->ReleaseSavepoint();
    return absl::OkStatus();
  }
  absl::Status RollBackToSavepoint() override {
    mirror_.work->view->RollBackToSavepoint();
    mirror_.work->keeping.reset();
    return absl::OkStatus();
  }

 private:
  absl::Status TakeAndBegin(const Intent& intent, bool* is_elsewhere) {
    // Before the connection, which others of the place could not use meanwhile.
    ValueRoom::Share room = mirror_.place.value_room().Take(intent.large_bytes);
    ASSIGN_OR_RETURN(NodeLease lease, mirror_.TakeAt(PlaceUse::kWrite, NodeFor(intent)));
    mirror_.work = std::make_unique<PostgresWork>(std::move(room), std::move(lease));
    absl::Status begun = BeginWith(intent, is_elsewhere);
    if (!begun.ok()) mirror_.work.reset();
    return begun;
  }

  /// The intent's tables, as they were spelled when that was read last.
  std::vector<std::string> ExactNames(const Intent& intent) const {
    std::vector<std::string> names;
    for (const std::string& table : intent.tables) {
      const auto known = mirror_.definitions.tables.find(FoldName(table));
      names.push_back(known == mirror_.definitions.tables.end() ? table : known->second.schema.name);
    }
    return names;
  }

  /// `is_elsewhere`: the mirror's rows are, or the node that was asked does not know of them.
  absl::Status BeginWith(const Intent& intent, bool* is_elsewhere) {
    PostgresWork& work = *mirror_.work;
    absl::StatusOr<Began> began =
        BeginUnderLock(*work.lease, work.transaction, work.role, *mirror_.own, mirror_.names, intent,
                       ExactNames(intent), mirror_.place.options().hung_after);
    *is_elsewhere = began.ok() ? began->is_elsewhere
                               : work.role.group > 0 &&
                                     postgres::TroubleOf(began.status()) == postgres::Trouble::kUndefined;
    if (!began.ok()) return mirror_.Said(began.status());
    if (began->is_elsewhere) {
      return absl::UnavailableError(
          "the mirror's rows were moved to another node. Nothing was applied; the same call again is safe.");
    }
    if (began->row.IsAtAnotherNode()) {
      if (absl::Status noted = WriteWhereItIs(*work.lease, mirror_.names, &began->row); !noted.ok())
        return mirror_.Said(noted);
      mirror_.seen.timeline = began->row.timeline;
      mirror_.seen.self_oid = began->row.self_oid;
    }
    if (absl::Status checked = CheckBegan(began->row, mirror_.seen, &mirror_.stale); !checked.ok()) {
      // Where that fails, who opens it next does it.
      if (mirror_.stale == Stale::kWentBack &&
          EndRestoredCycle(*work.lease, mirror_.names, &began->row).ok()) {
        work.transaction.Commit().IgnoreError();
      }
      return checked;
    }
    CrashPoint("commit.begun");
    if (began->row.rev != mirror_.seen.rev) mirror_.kept_through.clear();
    mirror_.NoteSeen(began->row);
    // Each node has standbys of its own, and rows last with those of the one that has them.
    mirror_.has_standby = began->has_standby && (work.role.has_rows || mirror_.has_standby);
    mirror_.NoteStateRev(began->row.state_rev);
    work.seen.Know(began->tables, began->seen);
    work.view.emplace(*work.lease, mirror_.names, mirror_.definitions, *std::move(began));
    return absl::OkStatus();
  }

  /// What the transaction left for later; what is not to be had now stays for the next time.
  void Tidy(PostgresWork& work) {
    const WorkView& view = *work.view;
    const auto tidy = [&](postgres::Connection& connection) {
      TidyBehind(connection, *mirror_.own, mirror_.names, mirror_.seen.epoch, work.view->state(),
                 view.ends_cycle())
          .IgnoreError();
    };
    if (work.role.may_change_tables()) return tidy(*work.lease);
    if (!view.ends_cycle() && !work.view->state().HasPut(StateKind::kGarbage) &&
        !work.view->state().HasPut(StateKind::kEmptied)) {
      return;
    }
    const absl::StatusOr<NodeLease> at = mirror_.TakeAt(PlaceUse::kWrite, PlaceNode::kCoordinator);
    if (at.ok()) tidy(*at->lease);
  }

  /// Of COMMIT, or of what was queued for it.
  absl::Status Failed(const absl::Status& status) {
    const absl::Status said = mirror_.Said(InStoreWords(status, Touched::kOwnTable));
    const postgres::Trouble trouble = postgres::TroubleOf(status);
    // Whether it is there is not known, and what others keep of it is read again.
    if (trouble == postgres::Trouble::kCommitUnknown || trouble == postgres::Trouble::kNotReplicated)
      mirror_.definitions = {};
    Rollback();
    return said;
  }

  PostgresMirror& mirror_;
  PostgresTenantVerbs tenant_;
  PostgresRecordVerbs records_;
  const std::unique_ptr<TableVerbs> tables_;
  const std::unique_ptr<JournalVerbs> journal_;
  const std::unique_ptr<HistoryVerbs> history_;
};

}  // namespace

std::unique_ptr<StoreTransaction> MakePostgresTransaction(PostgresMirror& mirror) {
  return std::make_unique<PostgresTransaction>(mirror);
}

}  // namespace mirror
