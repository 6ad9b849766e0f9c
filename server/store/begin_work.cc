#include "server/store/begin_work.h"

#include <algorithm>
#include <cstdint>
#include <new>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "base/shared_clock.h"
#include "base/status_macros.h"
#include "server/journal/journal_rules.h"
#include "server/journal/row_states.h"
#include "server/plan/cycle_check.h"
#include "server/plan/cycle_notes.h"
#include "server/plan/freshness_plan.h"
#include "server/plan/hold_keys.h"
#include "server/plan/plan.h"
#include "server/plan/receipt_plan.h"
#include "server/store/step_journal.h"
#include "server/store/store_transaction.h"

namespace mirror {
namespace {

/// The outcome of a plan that ran and is not committed yet.
struct RanPlan {
  absl::StatusOr<CommitResult> result;
  bool needs_savepoint = false;  ///< A step failed that could not be rolled back alone.
  TenantRecord after;            ///< The tenant's row after the plan; set if `result` is OK.
  Kept kept = Kept::kNow;        ///< The plan's value; kNow if the plan did more than was expected.
};

/// The minimum time between two writes of a running cycle's progress.
constexpr std::int64_t kProgressIntervalMs = 1'000;
/// Number of new receipts after which those above kReceiptsKeptMax are removed.
constexpr std::uint64_t kPruneEvery = 64;

absl::Status BehindRefused(const std::string& table) {
  return absl::AbortedError(absl::StrCat("table '", table,
                                         "': a batch before this one was refused. Nothing of this one was "
                                         "applied. Send again from the refused batch on."));
}

absl::Status ShadowGone(const std::string& table) {
  return absl::FailedPreconditionError(absl::StrCat("table '", table,
                                                    "': the shadow table of this population is missing. "
                                                    "Nothing was applied. Populate the table again."));
}

absl::Status PlannedElsewhere(const std::string& table) {
  return absl::InternalError(absl::StrCat(
      "table '", table,
      "': its metadata row is not the one that the plan was made for. This is a bug in this server: please "
      "report it. Nothing was applied; the same call again is safe."));
}

bool SameButCount(const std::optional<TableRecord>& a, std::optional<TableRecord> b) {
  if (a.has_value() != b.has_value()) return false;
  if (a) b->row_count = a->row_count;
  return a == b;
}

/// Runs one step: checks its metadata row, makes its changes, writes the new row.
class StepRun {
 public:
  StepRun(StoreTransaction& transaction, const Plan& plan, const TenantRecord& tenant, const Step& step,
          const std::optional<TableRecord>& stored, SeenTables& seen, StepResult* result)
      : transaction_(transaction),
        plan_(plan),
        tenant_(tenant),
        step_(step),
        stored_(stored),
        result_(result),
        journal_(transaction, plan, step, seen),
        rows_(RowsBefore()) {}

  absl::Status Run() {
    ASSIGN_OR_RETURN(std::vector<std::string> values, HashValues());
    for (const Action& action : step_.actions) {
      RETURN_IF_ERROR(std::visit([&](const auto& what) { return Do(what); }, action));
    }
    absl::Status status;
    if (step_.settles_holds) status = transaction_.records().RemoveHoldsOn(step_.table);
    if (status.ok() && step_.loss) status = NoteLoss();
    if (status.ok() && step_.source_ms) {
      status = transaction_.records().WriteTime(step_.table, step_.source_ms);
    }
    if (status.ok() && step_.receipt) status = KeepReceipt(values);
    if (status.ok()) status = journal_.End(receipt_, rows_);
    return status.ok() ? WriteRecord() : status;
  }

 private:
  std::int64_t RowsBefore() const { return stored_ ? stored_->row_count : -1; }

  /// Hashes the large values of a batch before the write of the batch removes them.
  absl::StatusOr<std::vector<std::string>> HashValues() {
    std::vector<std::string> values;
    if (!step_.receipt) return values;
    for (const std::uint64_t id : step_.receipt->values) {
      ASSIGN_OR_RETURN(std::string hash,
                       transaction_.tables().HashParts(step_.table, step_.receipt->cycle, id));
      values.push_back(std::move(hash));
    }
    return values;
  }

  absl::Status Do(const CreateTable& create) {
    rows_ = 0;
    absl::Status status = transaction_.tables().Create(create);
    // A time that was set for all tables does not apply to a new table, which has no rows yet.
    if (status.ok()) status = transaction_.records().WriteTime(step_.table, std::nullopt);
    return status.ok() ? journal_.Created() : status;
  }
  absl::Status Do(const AlterTable& alter) {
    absl::Status status = transaction_.tables().Alter(step_.table, step_.record->position, alter);
    return status.ok() ? journal_.Altered(alter) : status;
  }
  absl::Status Do(const RefitTable& refit) {
    absl::Status status = transaction_.tables().Refit(step_.table, step_.record->position, refit);
    if (status.ok()) status = journal_.Altered(refit.alter);
    return status.ok() ? journal_.Emptied(refit.emptied) : status;
  }
  absl::Status Do(const AgreeSchema& agree) {
    absl::Status status = journal_.BeforeAgreement(agree.schema);
    if (status.ok()) status = transaction_.tables().Agree(agree);
    return status.ok() ? journal_.Agreed(agree.schema) : status;
  }
  absl::Status Do(const RetireTable& retire) {
    absl::Status status = transaction_.tables().Retire(step_.table, retire);
    return status.ok() ? journal_.Gone() : status;
  }
  absl::Status Do(const DropTable&) {
    absl::Status status = transaction_.tables().Drop(step_.table);
    return status.ok() ? journal_.Gone() : status;
  }
  absl::Status Do(const BeginShadow& begin) { return transaction_.tables().BeginShadow(step_.table, begin); }
  absl::Status Do(const KeepPart& part) { return transaction_.tables().WritePart(step_.table, part); }

  absl::Status Do(const ApplyRows& apply) {
    std::optional<Shadow> shadow;
    if (apply.into_shadow) {
      ASSIGN_OR_RETURN(std::optional<Shadow> found, transaction_.tables().FindShadow(step_.table));
      if (!found) return ShadowGone(step_.table);
      shadow = std::move(found);
    }
    if (!shadow) RETURN_IF_ERROR(journal_.BeforeRows(apply));
    RowsWritten written;
    absl::Status status =
        transaction_.tables().Write(step_.table, shadow ? &*shadow : nullptr, apply, plan_.now_ms, &written);
    result_->missing_rows = std::move(written.missing_rows);
    result_->more_missing = written.more_missing;
    if (!status.ok()) return status;
    if (shadow) return transaction_.tables().WriteShadowRows(step_.table, shadow->rows + written.added);
    if (rows_ >= 0) rows_ += written.added;
    return journal_.AfterRows(apply);
  }

  absl::Status Do(const SwapShadow& swap) {
    ASSIGN_OR_RETURN(const std::optional<Shadow> found, transaction_.tables().FindShadow(step_.table));
    const std::optional<Shadow>& shadow = found;
    const bool own = shadow && shadow->is_table;
    if (shadow && !own && swap.may_lose) RETURN_IF_ERROR(CheckLoss(*shadow, *swap.may_lose));
    if (shadow) rows_ = shadow->rows;
    absl::Status status = transaction_.records().ForgetCheck(step_.table);
    if (!status.ok()) return status;
    ASSIGN_OR_RETURN(const std::optional<TableSchema> schema, transaction_.tables().ReadSchema(step_.table));
    status = journal_.BeforeSwap(schema, shadow && !own ? &*shadow : nullptr);
    if (!status.ok()) return status;
    if (own) return transaction_.tables().EndOwnShadow(step_.table);
    if (shadow && schema && KeepsPartner(*schema)) {
      return transaction_.tables().Merge(KeptForm(*schema), *shadow, plan_.now_ms);
    }
    return transaction_.tables().Swap(step_.table, &result_->left_out);
  }

  /// Checks SwapShadow::may_lose.
  absl::Status CheckLoss(const Shadow& shadow, std::int64_t may_lose) {
    std::int64_t lost = std::max<std::int64_t>(0, rows_ - shadow.rows);
    ASSIGN_OR_RETURN(const std::optional<TableSchema> schema, transaction_.tables().ReadSchema(step_.table));
    // Keys that are hashed now, and keys of a new key definition, cannot be compared with the visible table's
    // keys.
    const bool same_keys = schema && !HasHashedKey(*schema);
    if (lost <= may_lose && same_keys) {
      ASSIGN_OR_RETURN(const std::int64_t absent,
                       transaction_.tables().CountAbsent(KeptForm(*schema), shadow, may_lose));
      lost = std::max(lost, absent);
    }
    if (lost <= may_lose) return absl::OkStatus();
    result_->would_lose = lost;
    if (same_keys) {
      ASSIGN_OR_RETURN(result_->lost_keys, transaction_.tables().ReadAbsentKeys(KeptForm(*schema), shadow));
    }
    return absl::FailedPreconditionError(absl::StrCat(
        "table '", step_.table, "': ", Counted(static_cast<std::uint64_t>(lost), "row"), " would vanish"));
  }

  /// Notes Step::loss, and checks it against may_delete and accepted.
  absl::Status NoteLoss() {
    RecordVerbs& records = transaction_.records();
    Loss loss = *step_.loss;
    loss.rows_before = RowsBefore();
    const bool known = loss.rows_before >= 0 && rows_ >= 0;
    const std::int64_t lost = known ? std::max<std::int64_t>(0, loss.rows_before - rows_) : 0;
    absl::Status status = CheckDeletes(lost, &loss);
    if (!status.ok()) return status;
    if (lost > 0 || loss.planned >= 0) status = records.AddLoss(step_.table, loss, lost);
    if (status.ok() && loss.committed) status = records.MarkLossesCommitted(step_.table);
    if (status.ok() && step_.accepted) status = records.RemoveLosses(step_.table);
    return status;
  }

  /// Checks the cycle's limit on deletes. Also sets `planned`: the number that the source announced in an
  /// earlier batch.
  absl::Status CheckDeletes(std::int64_t lost, Loss* noted) {
    if (!step_.may_delete) return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::vector<Loss> losses, transaction_.records().ReadLosses(step_.table));
    const DeleteBound bound = step_.may_delete(noted->rows_before, losses);
    noted->planned = bound.planned;
    for (const Loss& loss : losses) {
      if (loss.cycle == noted->cycle) lost += loss.rows;
    }
    if (!bound.most || lost <= *bound.most) return absl::OkStatus();
    result_->would_delete = lost;
    result_->planned_deletes = bound.planned;
    for (const Action& action : step_.actions) {
      if (const auto* const apply = std::get_if<ApplyRows>(&action))
        result_->lost_keys = DeletedKeys(*apply->schema, *apply->batch);
    }
    return absl::FailedPreconditionError(absl::StrCat("table '", step_.table,
                                                      "': ", Counted(static_cast<std::uint64_t>(lost), "row"),
                                                      " would be deleted"));
  }

  absl::Status KeepReceipt(const std::vector<std::string>& values) {
    TenantVerbs& tenant = transaction_.tenant();
    const ReceiptStep& step = *step_.receipt;
    std::optional<OpenReceipt> open;
    if (step.seq > 1) {
      ASSIGN_OR_RETURN(open, tenant.ReadOpenReceipt(step_.table));
    }
    open = AddToReceipt(open, step, WithLargeValues(step.digest, values));
    if (!open) return absl::OkStatus();
    // The open receipt is stored only if the table has more batches.
    if (!step.commit) return tenant.WriteOpenReceipt(step_.table, *open);
    ASSIGN_OR_RETURN(const ReceiptHead head, tenant.ReadReceiptHead());
    const Receipt receipt =
        CloseReceipt(head, tenant_.context_id, step_.table, step_.record->position, *open, step);
    result_->receipt = ReceiptText(receipt);
    receipt_ = receipt.number;
    absl::Status status = tenant.AddReceipt(receipt.number, result_->receipt);
    if (!status.ok() || receipt.number <= kReceiptsKeptMax || receipt.number % kPruneEvery != 0) {
      return status;
    }
    return tenant.RemoveReceipts(receipt.number - kReceiptsKeptMax);
  }

  absl::Status WriteRecord() {
    if (!step_.record) return transaction_.records().RemoveRecord(step_.table);
    TableRecord next = *step_.record;
    next.row_count = rows_;
    return stored_ == next ? absl::OkStatus() : transaction_.records().WriteRecord(next);
  }

  StoreTransaction& transaction_;
  const Plan& plan_;
  const TenantRecord& tenant_;
  const Step& step_;
  const std::optional<TableRecord>& stored_;
  StepResult* const result_;
  StepJournal journal_;
  std::uint64_t receipt_ = 0;  ///< Number of the written receipt; 0: none.
  std::int64_t rows_;          ///< Rows of the visible table; -1: unknown.
};

/// Runs a whole plan in a transaction that has begun. `tenant`: the row as it was read under its lock.
class PlanRun {
 public:
  PlanRun(StoreTransaction& transaction, const TenantRecord& tenant, const Plan& plan, bool savepoints)
      : transaction_(transaction),
        before_(tenant),
        plan_(plan),
        savepoints_(savepoints),
        seen_(transaction) {}

  absl::StatusOr<CommitResult> Run() {
    absl::Status status;
    if (plan_.cycle) status = CheckRuns(*plan_.cycle, before_);
    if (status.ok()) status = UseNonce();
    if (status.ok()) status = ForgetOld();
    if (status.ok()) status = RunSteps();
    if (status.ok()) status = KeepLedger();
    if (status.ok()) status = KeepTimes();
    if (status.ok()) status = KeepAnswers();
    if (status.ok()) status = KeepHooks();
    if (status.ok() && !plan_.source_objects.empty()) {
      status = transaction_.tables().WriteObjects(plan_.source_objects);
    }
    if (status.ok() && !plan_.index_changes.empty()) {
      status = transaction_.tables().ChangeIndexes(plan_.index_changes);
    }
    if (status.ok()) status = KeepDocuments();
    if (status.ok()) status = KeepJournal();
    if (status.ok()) status = seen_.Write();
    if (status.ok()) status = WriteTenant();
    if (!status.ok()) return status;
    return std::move(result_);
  }

  /// Returns whether a step failed that could not be rolled back alone, but could be with a savepoint.
  bool needs_savepoint() const { return needs_savepoint_; }
  Kept kept() const { return kept_; }
  /// Returns the tenant's row after Run().
  const TenantRecord& after() const { return after_; }

 private:
  /// Returns the tenant's cycle number after the plan.
  std::int64_t CycleAfter() const { return plan_.tenant ? plan_.tenant->cycle : before_.cycle; }

  absl::Status UseNonce() {
    if (!plan_.nonce) return absl::OkStatus();
    TenantVerbs& verbs = transaction_.tenant();
    // A plan with a nonce also has the time by which nonces expire.
    const TenantRecord& tenant = plan_.tenant ? *plan_.tenant : before_;
    RETURN_IF_ERROR(verbs.ForgetNonces(std::max(tenant.clock_ms, plan_.now_ms)));
    ASSIGN_OR_RETURN(const TenantVerbs::NonceCount count, verbs.CountNonces(plan_.nonce->value));
    if (count.has_this) {
      return absl::AlreadyExistsError(
          "the token's nonce was used before. No cycle began. Make a new token for each Authenticate.");
    }
    if (count.all >= plan_.nonce->remembered_max) {
      return absl::ResourceExhaustedError(
          absl::StrCat("this tenant used ", plan_.nonce->remembered_max,
                       " tokens that have not expired yet. No cycle began. "
                       "Wait until some expire, and make their lifetime shorter."));
    }
    return verbs.AddNonce(*plan_.nonce);
  }

  absl::Status ForgetOld() {
    absl::Status status;
    if (plan_.forget_old_cycles) {
      status = transaction_.tables().DropOldShadows(CycleAfter());
      if (status.ok()) status = transaction_.tenant().ForgetCycleNotes(CycleAfter());
    }
    if (!status.ok() || plan_.drop_retired_before_ms == 0) return status;
    return transaction_.tables().DropRetired(plan_.drop_retired_before_ms);
  }

  absl::Status RunSteps() {
    touched_ = before_.touched;
    for (const Step& step : plan_.steps) {
      StepResult result;
      RETURN_IF_ERROR(RunStep(step, &result));
      if (!result.status.ok()) failed_.insert(FoldName(step.table));
      // A step that writes an unchanged record, such as a step for a part of a value, changes nothing.
      touched_ =
          touched_ || (result.status.ok() && step.expected && step.record && *step.record != *step.expected);
      result_.steps.push_back(std::move(result));
    }
    return absl::OkStatus();
  }

  /// Runs a step. A returned error ends the whole plan. `result` gets the step's own outcome.
  absl::Status RunStep(const Step& step, StepResult* result) {
    ASSIGN_OR_RETURN(const std::optional<TableRecord> stored, transaction_.records().ReadRecord(step.table));
    if (!SameButCount(stored, step.expected)) {
      if (!failed_.contains(FoldName(step.table))) return PlannedElsewhere(step.table);
      result->status = BehindRefused(step.table);
      return absl::OkStatus();
    }
    absl::Status status = RunGuarded(step, stored, result);
    if (status.ok() || Ends(status)) return status;
    if (!savepoints_) {
      needs_savepoint_ = true;
      return status;
    }
    // If the step was aborted, the caller can retry it. So `otherwise` does not replace it.
    if (!step.otherwise.empty() && !absl::IsAborted(status)) {
      result->otherwise = true;
      result->reason = std::string(status.message());
      status = RunGuarded(step.otherwise.front(), stored, result);
      if (Ends(status)) return status;
    }
    result->status = std::move(status);
    return absl::OkStatus();
  }

  /// Returns whether the whole transaction is lost, or must be rolled back.
  bool Ends(const absl::Status& status) const {
    return savepoint_failed_ || transaction_.IsOver() || transaction_.MayTryAgain() ||
           absl::IsUnavailable(status) || absl::IsDataLoss(status);
  }

  absl::Status RunGuarded(const Step& step, const std::optional<TableRecord>& stored, StepResult* result) {
    StepRun run(transaction_, plan_, before_, step, stored, seen_, result);
    if (savepoints_) RETURN_IF_ERROR(AtSavepoint(transaction_.SetSavepoint()));
    absl::Status status = run.Run();
    if (status.ok()) {
      seen_.Keep();
    } else {
      seen_.Drop();
    }
    if (!savepoints_) return status;
    if (status.ok()) return AtSavepoint(transaction_.ReleaseSavepoint());
    if (transaction_.IsOver()) return status;
    absl::Status undone = AtSavepoint(transaction_.RollBackToSavepoint());
    return undone.ok() ? status : undone;
  }

  /// Notes that a savepoint call failed, for example because memory is full. Then the whole plan fails.
  absl::Status AtSavepoint(absl::Status status) {
    savepoint_failed_ = !status.ok();
    return status;
  }

  absl::Status KeepLedger() {
    RecordVerbs& records = transaction_.records();
    absl::Status status;
    if (!plan_.checks.empty()) status = records.WriteChecks(plan_.checks);
    for (const TableCheck& check : plan_.checks) {
      if (status.ok() && check.row_count) status = records.WriteRowCount(check.table, *check.row_count);
      if (status.ok() && check.digest && plan_.journal && plan_.journal->Of(check.table).journal) {
        status = transaction_.journal().NoteDigest(check.table, check.position,
                                                   static_cast<std::int64_t>(check.digest->rows),
                                                   StateDigest(*check.digest));
      }
    }
    if (status.ok() && !plan_.settled_holds.empty()) status = records.RemoveHolds(plan_.settled_holds);
    if (status.ok() && !plan_.holds.empty()) status = records.WriteHolds(plan_.holds);
    if (!status.ok() || plan_.forget_losses_before_ms == 0) return status;
    return records.RemoveLossesBefore(plan_.forget_losses_before_ms);
  }

  absl::Status KeepTimes() {
    RecordVerbs& records = transaction_.records();
    if (plan_.targets) RETURN_IF_ERROR(records.WriteTargets(*plan_.targets));
    if (!plan_.all_as_of) return absl::OkStatus();
    ASSIGN_OR_RETURN(const Freshness now, records.ReadFreshness());
    ASSIGN_OR_RETURN(const std::vector<TableRecord> tables, records.ReadRecords());
    return records.WriteTimes(now, WithAllAsOf(now, tables, *plan_.all_as_of));
  }

  absl::Status KeepAnswers() {
    TenantVerbs& tenant = transaction_.tenant();
    if (plan_.answers) RETURN_IF_ERROR(tenant.WriteAnswers(plan_.answers(result_.steps)));
    if (!plan_.cycle_notes) return absl::OkStatus();
    const CycleNoteChanges changes = CycleNotesOf(plan_, result_.steps);
    // The source got this refusal as an answer, so the note must be on disk.
    const bool refuses =
        std::any_of(changes.written.begin(), changes.written.end(),
                    [](const CycleNote& note) { return note.kind == CycleNoteKind::kRefused; });
    if (refuses) kept_ = Kept::kNow;
    return tenant.WriteCycleNotes(CycleAfter(), changes);
  }

  absl::Status KeepHooks() {
    TenantVerbs& tenant = transaction_.tenant();
    std::vector<HookNote> notes;
    if (plan_.hooks) notes = plan_.hooks(result_.steps);
    if (!notes.empty()) {
      RETURN_IF_ERROR(tenant.AddHookNotes(notes, plan_.known_hooks, plan_.now_ms - kUnknownHookKeptMs));
      ASSIGN_OR_RETURN(result_.hooks_dropped, tenant.TrimHookNotes(kHooksWaitingMax));
    }
    if (plan_.delivered_hooks.empty()) return absl::OkStatus();
    return tenant.RemoveHookNotes(plan_.delivered_hooks);
  }

  absl::Status KeepDocuments() {
    TenantVerbs& tenant = transaction_.tenant();
    absl::Status status;
    if (!plan_.documents.empty()) status = tenant.WriteDocuments(plan_.documents, plan_.now_ms);
    for (const DocumentBound& bound : plan_.document_bounds) {
      if (status.ok()) status = tenant.BoundDocuments(bound);
    }
    return status;
  }

  absl::Status KeepJournal() {
    for (const std::string& table : plan_.compared_tables) {
      RETURN_IF_ERROR(NoteComparison(table));
    }
    for (const ErasedRow& row : plan_.erased_rows) {
      RETURN_IF_ERROR(Erase(row));
    }
    for (const std::string& table : plan_.ended_histories) {
      RETURN_IF_ERROR(transaction_.history().SetAside(table, plan_.now_ms));
    }
    for (const HistoryCut& cut : plan_.history_cuts) {
      ASSIGN_OR_RETURN(
          const std::int64_t gone,
          transaction_.history().Cut(cut.table, cut.known_from, kJournalTrimMax - result_.versions_cut));
      CrashPoint("history.cut");
      result_.versions_cut += gone;
    }
    if (plan_.trim_journal_through == 0) return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::int64_t trimmed,
                     transaction_.journal().Trim(plan_.trim_journal_through, kJournalTrimMax));
    CrashPoint("journal.trimmed");
    result_.journal_trimmed = trimmed;
    return absl::OkStatus();
  }

  /// Adds a journal entry that makes readers compare the whole table.
  absl::Status NoteComparison(const std::string& table) {
    ASSIGN_OR_RETURN(const std::optional<TableRecord> stored, transaction_.records().ReadRecord(table));
    Step step;
    step.table = table;
    step.expected = stored;
    step.record = stored;
    StepJournal journal(transaction_, plan_, step, seen_);
    absl::Status status = journal.Compare();
    if (status.ok()) status = journal.End(0, -1);
    if (status.ok()) seen_.Keep();
    return status;
  }

  absl::Status Erase(const ErasedRow& row) {
    ASSIGN_OR_RETURN(const std::int64_t versions, transaction_.history().EraseRow(row.table, row.key));
    ASSIGN_OR_RETURN(const std::int64_t entries, transaction_.journal().EraseKey(row.table, row.key));
    result_.versions_erased += versions;
    result_.entries_erased += entries;
    CrashPoint("history.erased");
    // Some readers have not read yet that the row was erased. They have to compare the table.
    return entries == 0 ? absl::OkStatus() : NoteComparison(row.table);
  }

  /// Writes the tenant's row, with the progress of the cycle and the highest time that was ever seen.
  absl::Status WriteTenant() {
    TenantRecord next = plan_.tenant.value_or(before_);
    if (plan_.cycle && !plan_.tenant) {
      next.touched = touched_;
      // A progress time far in the future comes from a wrong clock. It is overwritten.
      const std::int64_t since_ms = plan_.now_ms - next.progress_ms;
      if (next.touched != before_.touched || since_ms >= kProgressIntervalMs ||
          since_ms < -kStoredAheadMaxMs) {
        next.progress_ms = plan_.now_ms;
      }
    }
    next.clock_ms = std::max(next.clock_ms, next == before_ ? 0 : plan_.now_ms);
    after_ = next;
    return next == before_ ? absl::OkStatus() : transaction_.tenant().WriteTenant(next);
  }

  StoreTransaction& transaction_;
  const TenantRecord& before_;
  const Plan& plan_;
  const bool savepoints_;
  bool needs_savepoint_ = false;
  Kept kept_ = plan_.kept;
  bool savepoint_failed_ = false;
  std::set<std::string> failed_;  ///< Folded names of tables whose steps failed.
  bool touched_ = false;
  TenantRecord after_;
  SeenTables seen_;
  CommitResult result_;
};

/// Runs a plan in `transaction`, which has begun. `tenant`: the row under its lock. This code is the same for
/// every store. StoreWork says what it promises.
///
/// Compares the cycle and the metadata rows with the plan before it writes any of them. Each step is done
/// completely or not at all: with `savepoints` each step has a savepoint of its own. Without savepoints a
/// failed step makes the whole plan fail. With and without them the whole plan fails in three cases: a step
/// cannot be rolled back; a step fails with kUnavailable or kDataLoss; MayTryAgain() holds for a failure. If
/// a step fails with kAborted, its `otherwise` does not replace it.
RanPlan RunPlan(StoreTransaction& transaction, const TenantRecord& tenant, const Plan& plan,
                bool savepoints) {
  PlanRun run(transaction, tenant, plan, savepoints);
  absl::StatusOr<CommitResult> result = run.Run();
  return {std::move(result), run.needs_savepoint(), run.after(), run.kept()};
}

/// Rolls back a transaction that was not committed.
struct RollBack {
  void operator()(StoreTransaction* transaction) const {
    try {
      transaction->Rollback();
    } catch (const std::bad_alloc&) {
      // There is no memory for the rollback. The caller closes the store, and that rolls back.
    }
  }
};
using BegunTransaction = std::unique_ptr<StoreTransaction, RollBack>;

/// Steps with more rows get no savepoint. With a savepoint SQLite copies each page that a step changes, which
/// takes a sixth of the time of a large step. A large step is rarely refused. But if one of many small steps
/// without savepoints is refused, all of them have to run again.
constexpr std::uint32_t kRowsWithSavepointMax = 1'000;

class RunnerWork final : public StoreWork {
 public:
  RunnerWork(BegunTransaction transaction, TenantRecord tenant)
      : transaction_(std::move(transaction)), tenant_(std::move(tenant)) {}

  const TenantRecord& tenant() const override { return tenant_; }

  bool ReadsItsWrites() const override { return transaction_ != nullptr && transaction_->ReadsItsWrites(); }

  absl::StatusOr<CommitResult> RunFirst(const Plan& plan) override {
    RETURN_IF_ERROR(Start(plan));
    RanPlan ran = RunPlan(*transaction_, tenant_, plan, HasSavepoints(plan, Savepoints::kWhereNeeded));
    if (!ran.result.ok()) return End(std::move(ran), Savepoints::kWhereNeeded);
    first_kept_ = ran.kept;
    tenant_ = std::move(ran.after);
    return std::move(ran.result);
  }

  absl::StatusOr<CommitResult> Commit(const Plan& plan, Savepoints savepoints) override {
    if (first_kept_) return CommitSecond(plan);
    RETURN_IF_ERROR(Start(plan));
    return End(RunPlan(*transaction_, tenant_, plan, HasSavepoints(plan, savepoints)), savepoints);
  }

 private:
  absl::Status Start(const Plan& plan) {
    if (transaction_ == nullptr) {
      return absl::InternalError("this transaction is over. Nothing was applied.");
    }
    absl::Status started = transaction_->StartPlan(plan);
    if (!started.ok()) transaction_.reset();
    return started;
  }

  static bool HasSavepoints(const Plan& plan, Savepoints savepoints) {
    return savepoints == Savepoints::kAlways ||
           (plan.steps.size() > 1 && LargestBatch(plan) <= kRowsWithSavepointMax);
  }

  absl::StatusOr<CommitResult> CommitSecond(const Plan& plan) {
    if (transaction_ == nullptr) return Start(plan);
    RanPlan ran = RunPlan(*transaction_, tenant_, plan, /*savepoints=*/false);
    ran.kept = plan.kept == Kept::kNow ? Kept::kNow : *first_kept_;
    // The first plan can be committed without this one.
    ran.needs_savepoint = !ran.result.ok();
    return End(std::move(ran), Savepoints::kWhereNeeded);
  }

  absl::StatusOr<CommitResult> End(RanPlan ran, Savepoints savepoints) {
    absl::StatusOr<CommitResult>& result = ran.result;
    if (!result.ok()) {
      transaction_->Rollback();
    } else if (absl::Status status = transaction_->Commit(ran.kept); !status.ok()) {
      result = std::move(status);
    }
    const bool try_again = savepoints == Savepoints::kWhereNeeded && transaction_->MayTryAgain();
    static_cast<void>(transaction_.release());
    if (result.ok() || !(ran.needs_savepoint || try_again)) return std::move(result);
    CommitResult again;
    again.again = true;
    return again;
  }

  BegunTransaction transaction_;  ///< Null: the transaction has ended.
  TenantRecord tenant_;
  std::optional<Kept> first_kept_;  ///< The value of the plan that RunFirst() ran. Absent: none ran.
};

}  // namespace

absl::StatusOr<std::unique_ptr<StoreWork>> BeginWork(StoreTransaction& transaction, const Intent& intent) {
  RETURN_IF_ERROR(transaction.Begin(intent));
  BegunTransaction begun(&transaction);
  ASSIGN_OR_RETURN(TenantRecord tenant, begun->tenant().ReadTenant());
  return std::make_unique<RunnerWork>(std::move(begun), std::move(tenant));
}

}  // namespace mirror
