#include "server/tenant/mirror/mirror.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "base/shared_clock.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"
#include "server/hooks/hook_note.h"
#include "server/plan/breaker.h"
#include "server/plan/cycle_check.h"
#include "server/plan/freshness_plan.h"
#include "server/store/home.h"
#include "server/store/step_journal.h"
#include "server/tenant/mirror/journal_upkeep.h"
#include "server/tenant/mirror/lost_mirror.h"

namespace mirror {

std::vector<HookNote> HookWriter::NotesFor(const char* event, std::int64_t cycle, std::int64_t now_ms,
                                           const std::function<std::string(const HookCycle&)>& text) const {
  std::vector<HookNote> notes;
  for (const std::string& key : hooks_->KeysFor(event, context_id_)) {
    notes.push_back({0, key, event, cycle, now_ms,
                     notes.empty() ? text({context_id_, cycle, now_ms}) : notes.front().json});
  }
  return notes;
}

void HookWriter::Set(HookNotes notes, Plan* plan) const {
  plan->hooks = std::move(notes);
  plan->known_hooks = hooks_->AllKeys();
}

HookNotes HookWriter::OfCompletion(std::int64_t cycle, std::int64_t now_ms,
                                   const std::vector<CompletedTable>& tables) const {
  if (hooks_ == nullptr) return {};
  return [this, cycle, now_ms, &tables](const std::vector<StepResult>&) {
    return NotesFor(kOnCompleted, cycle, now_ms, [&](const HookCycle& of) {
      std::vector<HookCounts> counts;
      for (const CompletedTable& table : tables) {
        // A table that was only compared did not change.
        if (table.rows_differ && table.inserts + table.updates + table.deletes == 0) continue;
        counts.push_back({table.table, table.inserts, table.updates, table.deletes});
      }
      return CompletedText(of, counts);
    });
  };
}

void HookWriter::AddTables(AnnouncePlan* planned) const {
  if (hooks_ == nullptr) return;
  const auto notes = [this, cycle = *planned->plan.cycle, now_ms = planned->plan.now_ms,
                      answers = planned->answers,
                      step_of = planned->step_of](const std::vector<StepResult>& results) {
    return NotesFor(kOnTable, cycle, now_ms, [&](const HookCycle& of) {
      std::vector<HookTable> tables;
      for (const SchemaAnswer& answer : AnswersAfter(answers, step_of, results)) {
        tables.push_back({answer.table, static_cast<TableChange>(answer.action), answer.reason});
      }
      return TablesText(of, tables);
    });
  };
  Set(notes, &planned->plan);
  planned->plan.kept = Kept::kNow;  // A delayed commit could be lost and repeated after delivery.
}

void HookWriter::AddWiped(Plan* plan) const {
  if (hooks_ == nullptr) return;
  std::vector<std::pair<std::size_t, std::string>> begun;
  for (std::size_t i = 0; i < plan->steps.size(); ++i) {
    for (const Action& action : plan->steps[i].actions) {
      if (std::holds_alternative<BeginShadow>(action)) begun.emplace_back(i, plan->steps[i].table);
    }
  }
  if (begun.empty()) return;
  const auto wiped = [this, cycle = *plan->cycle, now_ms = plan->now_ms,
                      begun = std::move(begun)](const std::vector<StepResult>& results) {
    std::vector<HookNote> notes;
    for (const auto& [step, table] : begun) {
      if (!results[step].status.ok()) continue;
      for (HookNote& note : NotesFor(kOnWiped, cycle, now_ms, [&, &name = table](const HookCycle& of) {
             return WipedText(of, name);
           })) {
        notes.push_back(std::move(note));
      }
    }
    return notes;
  };
  Set(wiped, plan);
}

void HookWriter::Wake(const Plan& plan) const {
  if (plan.hooks) Wake();
}

void HookWriter::Wake() const {
  if (hooks_ != nullptr) hooks_->Wake(context_id_);
}

namespace {

/// Texts kept in memory against repetition. Beyond that some are reported again.
constexpr std::size_t kToldMax = 10'000;

constexpr char kKeep[] =
    "To keep the partner's data, put it into a table of the partner's own (a hook can fill one after each "
    "cycle), or, in a SQLite mirror, set 'preserve_target = true' for the table at the source";

}  // namespace

void PartnerNews::TellColumns(const std::vector<TouchedTable>& touched) {
  for (const TouchedTable& added : touched) {
    if (added.columns.empty()) continue;
    const std::string names = ListNames(added.columns);
    if (told_.size() >= kToldMax) told_.clear();
    if (!told_.insert(absl::StrCat(FoldName(added.table), " columns ", names)).second) continue;
    events_.Add(
        context_id_, Severity::kWarning, "partner.column_lost",
        absl::StrCat(
            "table '", added.table, "' has ", added.columns.size() == 1 ? "a column" : "columns",
            " that the source does not have: ", names, ". The next population makes the table without ",
            added.columns.size() == 1 ? "it, and its" : "them, and their", " values are lost. ", kKeep));
  }
}

void PartnerNews::TellRows(Store& store, std::int64_t cycle, const std::string& table,
                           const char* what_comes) {
  if (store.IsBuilding()) return;
  if (cycle != counted_cycle_) counted_.clear();
  counted_cycle_ = cycle;
  const std::string key = FoldName(table);
  if (!counted_.insert(key).second) return;
  const absl::StatusOr<std::int64_t> rows = store.records().CountPartnerRows(table);
  if (!rows.ok() || *rows == 0) return;
  if (told_.size() >= kToldMax) told_.clear();
  if (!told_.insert(absl::StrCat(key, " rows ", *rows)).second) return;
  events_.Add(context_id_, Severity::kWarning, "partner.rows_lost",
              absl::StrCat("table '", table, "' has ", Counted(static_cast<std::uint64_t>(*rows), "row"),
                           " more than the mirror wrote: somebody else wrote into it. ", what_comes,
                           *rows == 1 ? " it. " : " them. ", kKeep));
}

namespace {

/// Maximum number of attempts to find a mirror whose own tables are missing.
constexpr int kLooksMax = 5;

absl::Status IsGone(const std::string& context_id, const SeenSummary& seen, const absl::Status& opened) {
  const bool is_deleted = !opened.GetPayload(kLostPayload) && !opened.GetPayload(kForgottenPayload);
  const absl::Status gone = MirrorDeletedError(context_id);
  return seen.HasRecords() && is_deleted ? ToRecordsStatus(gone) : gone;
}

/// Says how the tenant continues with the present mirror; `cycles`: the text for sources of cycles.
std::string NextOf(const SeenSummary& seen, const char* cycles) {
  return absl::StrCat(seen.HasRecords() ? "records are read from, and written to," : cycles,
                      seen.HasRecords() ? " the mirror as it is now" : " from the mirror's present state");
}

/// Says how an operator can repair a mirror that is not trusted any more.
std::string WayBack(const std::string& context_id, bool lost, const SeenSummary& seen) {
  std::string words = absl::StrCat("'mirrorctl restore ", context_id, " FILE --confirm ", context_id,
                                   "' puts a backup in its place");
  // Records are not sent a second time.
  if (!seen.HasRecords()) {
    absl::StrAppend(&words, ", 'mirrorctl reset ", context_id, " --all --confirm ", context_id,
                    lost ? "' lets the next cycle populate a new one"
                         : "' sets it aside and lets the next cycle populate a new one");
  }
  return absl::StrCat(words, "; after a repair by hand, type 'mirrorctl resume ", context_id, "'.");
}

/// Another process may have repaired the mirror or replaced it.
bool IsMended(const TenantFile& file) {
  const absl::StatusOr<std::unique_ptr<Store>> store = file.open(/*create=*/false);
  if (!store.ok()) return absl::IsNotFound(store.status());
  StoreUpkeep& upkeep = (*store)->upkeep();
  return upkeep.Quarantined().empty() && upkeep.CheckOwnTables().ok();
}

absl::Status GoesOnElsewhere(const std::string& context_id) {
  absl::Status elsewhere = absl::UnavailableError(absl::StrCat(
      "the mirror of '", context_id,
      "' was moved, or deleted and made anew, meanwhile. Nothing was done; the same call again is "
      "safe."));
  elsewhere.SetPayload(kChangingPayload, absl::Cord(context_id));
  return elsewhere;
}

absl::Status OfFormerFile(const std::string& context_id) {
  return absl::UnavailableError(absl::StrCat(
      "the mirror file of '", context_id, "' was damaged, and another one was put in its place meanwhile. ",
      "Nothing was applied. The cycle is over; begin a new one."));
}

/// Returns whether `status` is of a mirror that was moved or re-created: its own tables were missing,
/// and exist in its current place. `there`: receives the status of opening that place; null: not needed.
bool WentElsewhere(const absl::Status& status, const TenantFile& file, Store* store,
                   absl::Status* there = nullptr) {
  if (status.ok() || store == nullptr) return false;
  if (store->upkeep().WhyStale() == Stale::kMoved) return true;
  if (!absl::IsDataLoss(status)) return false;
  // If they are missing there, too, the mirror may be in deletion: then the next attempt finds that.
  for (int look = 0; look < kLooksMax; ++look) {
    const absl::StatusOr<std::unique_ptr<Store>> opened = file.open(/*create=*/false);
    if (there != nullptr) *there = opened.status();
    if (!opened.ok()) return false;
    if (!absl::IsDataLoss((*opened)->upkeep().CheckOwnTables()))
      return status.GetPayload(kMissingPayload) || absl::IsDataLoss(store->upkeep().CheckOwnTables());
  }
  return false;
}

}  // namespace

Mirror::Mirror(std::string context_id, OpenStore open, const TenantOptions& options, Events& events,
               std::function<void()> make_room)
    : context_id_(std::move(context_id)),
      options_(options),
      make_room_(std::move(make_room)),
      events_(events),
      hooks_(options.hooks, context_id_),
      journal_(JournalRulesOf(options_.journal, context_id_)),
      agreed_(options.columns, options.hash_secret, context_id_),
      file_{.open = std::move(open)},
      progress_(options_, seen_),
      partner_(context_id_, events),
      indexes_(context_id_, *options_.indexes, options.steady_now, events) {}

void Mirror::Tell(Severity severity, std::string_view kind, std::string text) {
  events_.Add(context_id_, severity, kind, std::move(text));
}

/// Closes a store that must not be written any more.
void Mirror::FindStale() {
  if (!store_) return;
  const Stale why = store_->upkeep().WhyStale();
  if (why == Stale::kNo) return;
  const bool built = !store_->IsBuilding();
  Close();
  // The cycle continues in the mirror's current place.
  if (why == Stale::kMoved) return;
  file_.replaced = true;
  if (!built) {
    Tell(Severity::kWarning, "mirror.not_built",
         "the new mirror could not be built: its rows are lost and its cycle is over; the next cycle "
         "populates it");
  } else if (why == Stale::kWentBack) {
    Tell(Severity::kWarning, "mirror.went_back",
         absl::StrCat("the mirror may have lost the last commits, as after a restore or a failover; ",
                      NextOf(seen_, "the running cycle is over, and the next one catches up")));
  } else {
    Tell(Severity::kWarning, "mirror.replaced",
         absl::StrCat("the mirror file, or its log, was replaced or removed while it was open; ",
                      NextOf(seen_, "the running cycle is over, and the next one starts")));
  }
}

absl::Status Mirror::Open(bool create, std::int64_t now_ms, Trust trust) {
  if (file_.retired) {
    if (seen_.HasRecords()) return IsGone(context_id_, seen_, absl::OkStatus());
    return absl::PermissionDeniedError(absl::StrCat(
        "tenant '", context_id_, "' is not mirrored here. Nothing was done. Ask the mirror's operator."));
  }
  if (options_.is_shared && !file_.quarantine.empty() && IsMended(file_)) file_.quarantine.clear();
  if (!file_.quarantine.empty()) return absl::DataLossError(file_.quarantine);
  FindStale();
  if (store_) return file_.replaced ? EndCycleInNewFile(now_ms) : absl::OkStatus();
  agreed_.Forget();
  cycle_.ForgetFile();
  indexes_.SetDue();
  absl::StatusOr<std::unique_ptr<Store>> store = OpenFile(*this, create);
  // Another process may have moved it between the lookup of its place and the open.
  if (options_.is_shared && (absl::IsDataLoss(store.status()) || absl::IsFailedPrecondition(store.status())))
    store = OpenFile(*this, create);
  if (absl::IsNotFound(store.status())) return IsGone(context_id_, seen_, store.status());
  // The file there is not this tenant's mirror, or is of a later version.
  if (absl::IsFailedPrecondition(store.status())) TellUnavailable(store.status());
  if (!store.ok()) return QuarantineIfDamaged(store.status());
  if (std::string why = (*store)->upkeep().Quarantined(); trust == Trust::kNeeded && !why.empty()) {
    file_.quarantine = std::move(why);
    Summarize(Look::kTenant);
    return absl::DataLossError(file_.quarantine);
  }
  (*store)->SetJournal(journal_);
  RETURN_IF_ERROR(QuarantineIfDamaged(NoteIfLeftOut(**store, journal_.get(), now_ms)));
  RETURN_IF_ERROR(QuarantineIfDamaged(NotePassedWrites(**store, journal_.get(), now_ms)));
  store_ = *std::move(store);
  is_open_ = true;
  seen_.NoteDocuments();
  make_room_();
  KeepTargets(*store_, options_.freshness, context_id_);
  EndHistories(*store_, journal_.get(), now_ms);
  Summarize(Look::kAll);
  return file_.replaced ? EndCycleInNewFile(now_ms) : absl::OkStatus();
}

/// The file may be a copy from the middle of the running cycle: the cycle must not continue in it.
absl::Status Mirror::EndCycleInNewFile(std::int64_t now_ms) {
  absl::Status status = EndCycle(now_ms, [&](const TenantRecord&, Plan* plan) MIRROR_REQUIRES(mutex_) {
    return CompareAllTables(store_->records(), plan);
  });
  file_.replaced = !status.ok();
  return status;
}

absl::Status Mirror::QuarantineIfDamaged(absl::Status status) {
  // A statement of the store itself may have failed because somebody dropped its table.
  if (absl::IsFailedPrecondition(status) && store_) {
    if (absl::Status own = store_->upkeep().CheckOwnTables(); absl::IsDataLoss(own)) status = own;
  }
  if (absl::IsDataLoss(status) && options_.is_shared && store_) {
    absl::Status opened;
    if (WentElsewhere(status, file_, store_.get(), &opened)) {
      Close();
      return GoesOnElsewhere(context_id_);
    }
    // Missing tables are not damage if another process deleted the mirror.
    if (absl::IsNotFound(opened)) {
      NoteLost(*this, opened);
      Close();
      return IsGone(context_id_, seen_, opened);
    }
    // Another process is changing the mirror: ask again when it has finished.
    if (IsChanging(opened)) {
      Close();
      return opened;
    }
    if (IsTakenAway(opened)) status = opened;
  }
  if (absl::IsDataLoss(status) && !options_.is_shared && store_ && !store_->IsBuilding()) {
    // Damage of a file that was replaced is not damage of its replacement.
    FindStale();
    if (!store_) return OfFormerFile(context_id_);
  }
  if (absl::IsDataLoss(status) && file_.quarantine.empty()) {
    const bool lost = IsTakenAway(status);
    file_.quarantine =
        absl::StrCat("the mirror of '", context_id_,
                     lost ? "' is lost: " : "' is damaged: ", absl::StripSuffix(status.message(), "."),
                     ". It takes nothing more. ", WayBack(context_id_, lost, seen_));
    // A store that cannot be opened reports the error to the next caller that opens it.
    const absl::Status noted =
        store_ && !lost ? store_->upkeep().Quarantine(file_.quarantine) : absl::OkStatus();
    Close();
    Tell(Severity::kError, lost ? "mirror.lost" : "mirror.damaged",
         noted.ok() ? file_.quarantine
                    : absl::StrCat(file_.quarantine,
                                   " The server could not write this down and forgets it at a restart: ",
                                   std::string(noted.message())));
    Summarize(Look::kTenant);
    return absl::DataLossError(file_.quarantine);
  }
  if (absl::IsUnavailable(status) && !IsChanging(status)) TellUnavailable(status);
  return status;
}

absl::Status Mirror::CheckRunning(const Caller& caller, std::int64_t cycle, std::int64_t now_ms,
                                  const TenantRecord& tenant) {
  RETURN_IF_ERROR(CheckCycle(caller, cycle, tenant));
  if (progress_.IsIdle(tenant, now_ms)) {
    RETURN_IF_ERROR(EndIdleCycle(*this, cycle, now_ms));
    TellTimedOut(*this, cycle);
    return CycleOver(cycle, absl::StrCat(": it made no progress for ", options_.cycle_idle_ms / 1'000, " s"));
  }
  cycle_.NoteServed();
  file_.owner = tenant;
  return absl::OkStatus();
}

bool Mirror::Begin(Writing& writing) {
  if (writing.Begin(*store_)) return true;
  if (writing.is_restarted() || !options_.is_shared ||
      !WentElsewhere(writing.result().status(), file_, store_.get())) {
    return false;
  }
  Close();
  writing.Restart();
  if (absl::Status opened = Open(false, SharedNowMs()); !opened.ok()) {
    writing.Leave(std::move(opened));
    return false;
  }
  return writing.Begin(*store_);
}

absl::StatusOr<std::optional<Committed>> Mirror::Finish(Writing& writing) {
  absl::StatusOr<std::optional<Committed>>& committed = writing.result();
  if (!committed.ok()) {
    // The plan may be committed nevertheless, and a repetition would not write notes again.
    hooks_.Wake();
    return QuarantineIfDamaged(committed.status());
  }
  if (!*committed) return std::optional<Committed>();
  told_unavailable_.clear();
  const auto& [plan, result] = **committed;
  if (result.followed) {
    hooks_.Wake();
  } else {
    hooks_.Wake(plan);
  }
  if (result.hooks_dropped > 0) {
    Tell(Severity::kError, "hook.dropped",
         absl::StrCat(result.hooks_dropped,
                      result.hooks_dropped == 1 ? " delivery to a hook was" : " deliveries to hooks were",
                      " dropped, the oldest first: more than ", kHooksWaitingMax,
                      " wait. No row is affected. The event 'hook.failed' says why they are not delivered"));
  }
  return std::move(committed);
}

absl::Status Mirror::EndCycle(std::int64_t now_ms, const PlanEnd& add, const Intent& intent) {
  TenantRecord before, ended;
  Writing writing(intent);
  while (Begin(writing)) {
    before = writing.tenant();
    Plan plan = PlanCycleEnd(before, options_, now_ms);
    if (absl::Status added = add ? add(before, &plan) : absl::OkStatus(); !added.ok()) {
      writing.Commit(std::move(added));
      continue;
    }
    ended = *plan.tenant;
    writing.Commit(std::move(plan));
  }
  ASSIGN_OR_RETURN(const std::optional<Committed> committed, Finish(writing));
  NoteCycleEnd(*this, before, ended, now_ms);
  for (const StepResult& step : committed->result.steps) {
    if (!step.status.ok()) return step.status;
  }
  return absl::OkStatus();
}

bool Mirror::CloseIfIdle() {
  if (!mutex_.try_lock()) return false;
  const MutexLock lock(mutex_, std::adopt_lock);
  if (!store_) return false;
  // If a reader holds the log, it could be replayed over a file that is put there meanwhile.
  StoreUpkeep& upkeep = store_->upkeep();
  if (upkeep.WhyStale() == Stale::kNo && !upkeep.CheckWhole({}).ok()) return false;
  Close();
  return true;
}

/// A part that cannot be read is unchanged: the call that needs it reports the error.
void Mirror::Summarize(Look look) {
  TenantSummary next = seen_.Get();
  next.quarantined = !file_.quarantine.empty();
  next.quarantine = file_.quarantine;
  if (store_) ReadSummary(*store_, look, &next);
  if (store_ && look == Look::kAll) {
    const absl::StatusOr<UnsentTables> unsent = cycle_.LoadUnsent(*store_);
    if (unsent.ok()) next.tables_unsent = static_cast<std::uint32_t>(unsent->count);
  }
  if (store_ && look == Look::kAll && options_.is_shared) size_.Renew(*store_, options_.steady_now(), &next);
  seen_.Set(std::move(next));
}

void Mirror::Close() {
  store_.reset();
  is_open_ = false;
  seen_.NoteDocuments();
  cycle_.gaps().TellAll();
}

/// Reports a full disk, a lock, a file that cannot be written: once, until a write succeeds.
void Mirror::TellUnavailable(const absl::Status& status) {
  // A stale store has an event of its own; the reason why a new mirror was lost has none.
  if (store_ && !store_->IsBuilding() && store_->upkeep().WhyStale() != Stale::kNo) return;
  const std::string message(status.message());
  // An operator who gets this error sees it in the answer.
  if (cycle_.served()) seen_.NoteFailure(message);
  if (message == told_unavailable_) return;
  told_unavailable_ = message;
  Tell(Severity::kError, "mirror.unavailable",
       absl::StrCat("the mirror could not be read or written: ", message));
}

absl::Status NotAgreed(const std::string& table) {
  return absl::FailedPreconditionError(
      absl::StrCat("table '", table,
                   "' is not agreed in this cycle. Nothing was applied. Announce it with TableSchema, and "
                   "send batches only of tables that its answer wants."));
}

absl::Status EndIdleCycle(Mirror& mirror, std::int64_t cycle, std::int64_t now_ms) {
  return mirror.EndCycle(now_ms, [&](const TenantRecord& before, Plan* plan) MIRROR_REQUIRES(mirror.mutex()) {
    plan->cycle = cycle;
    if (before.cycle != cycle || mirror.progress().IsIdle(before, now_ms)) return absl::OkStatus();
    return absl::AbortedError(absl::StrCat("cycle ", cycle,
                                           " made progress at another server meanwhile. Nothing of this call "
                                           "was applied. Begin a new cycle with Authenticate."));
  });
}

Plan PlanCycleEnd(const TenantRecord& tenant, const TenantOptions& options, std::int64_t now_ms) {
  Plan plan;
  plan.now_ms = now_ms;
  plan.forget_losses_before_ms = now_ms - options.breaker.limits.window_ms;
  plan.tenant = tenant;
  plan.tenant->cycle = CycleAfter(tenant.cycle);
  plan.tenant->active = false;
  plan.tenant->holder.clear();
  plan.tenant->announced.clear();
  plan.forget_old_cycles = true;
  return plan;
}

void NoteCycleEnd(Mirror& mirror, const TenantRecord& before, const TenantRecord& ended,
                  std::int64_t now_ms) {
  mirror.file().owner = ended;
  ServerCounters& counters = *mirror.options().counters;
  const bool completed = ended.completed_cycle != before.completed_cycle;
  if (completed) counters.cycles_completed.Add();
  if (!completed && before.active) counters.cycles_interrupted.Add();
  if (before.active) {
    mirror.seen().book().End(before.cycle, before.since_ms,
                             completed ? CycleEnd::kCompleted : CycleEnd::kInterrupted, now_ms);
  }
  mirror.Summarize(Look::kAll);
  mirror.cycle().End();
}

absl::StatusOr<TenantRecord> ReadTenantOf(Mirror& mirror, std::int64_t now_ms) {
  absl::StatusOr<TenantRecord> tenant = mirror.store()->records().ReadTenant();
  if (mirror.options().is_shared && WentElsewhere(tenant.status(), mirror.file(), mirror.store())) {
    mirror.Close();
    RETURN_IF_ERROR(mirror.Open(false, now_ms));
    tenant = mirror.store()->records().ReadTenant();
  }
  return mirror.QuarantineIfDamaged(std::move(tenant));
}

absl::StatusOr<TenantRecord> ReadRunning(Mirror& mirror, const Caller& caller, std::int64_t cycle,
                                         std::int64_t now_ms) {
  RETURN_IF_ERROR(mirror.Open(false, now_ms));
  ASSIGN_OR_RETURN(TenantRecord tenant, ReadTenantOf(mirror, now_ms));
  RETURN_IF_ERROR(mirror.CheckRunning(caller, cycle, now_ms, tenant));
  return tenant;
}

absl::Status CheckOwner(const Caller& caller, const TenantRecord& tenant) {
  if (tenant.issuer.empty()) return absl::OkStatus();
  if (tenant.issuer == caller.issuer && tenant.environment == caller.environment) return absl::OkStatus();
  return absl::PermissionDeniedError(
      "the tenant belongs to another issuer or environment. Nothing was done. Sign with a key of that issuer "
      "and environment, or ask the mirror's operator.");
}

absl::Status CheckCycle(const Caller& caller, std::int64_t cycle, const TenantRecord& tenant) {
  RETURN_IF_ERROR(CheckOwner(caller, tenant));
  return CheckRuns(cycle, tenant);
}

absl::Status ForgetListed(Mirror& mirror) {
  mirror.options().forget_summary(mirror.context_id());
  SharedLists* const lists = mirror.options().lists;
  return lists == nullptr ? absl::OkStatus() : lists->Forget(mirror.context_id());
}

absl::Status OpenForOperator(Mirror& mirror, std::int64_t now_ms, Mirror::Trust trust) {
  absl::Status status = mirror.Open(false, now_ms, trust);
  if (!absl::IsAborted(status)) return status;
  return TagMirrorDeleted(
      mirror.context_id(),
      absl::NotFoundError(absl::StrCat(
          "the mirror of '", mirror.context_id(), "' is missing. Nothing was done. Put a backup in its place",
          mirror.seen().HasRecords() ? "; 'mirrorctl delete "
                                     : ", or let the source's next cycle make a new one (with "
                                       "automatic_provisioning); 'mirrorctl delete ",
          mirror.context_id(), " --confirm ", mirror.context_id(), "' removes the tenant.")));
}

absl::StatusOr<AgreedTable> ReadAgreed(Mirror& mirror, const Caller& caller, const std::string& table,
                                       std::string_view schema_hash) {
  const std::string key = FoldName(table);
  std::optional<AgreedTable> known = mirror.agreed().Find(key);
  const bool is_right =
      known && (schema_hash.empty() ? !mirror.options().is_shared : known->hash == schema_hash);
  if (is_right) return *std::move(known);
  const MutexLock lock(mirror.mutex());
  if (mirror.store() == nullptr) RETURN_IF_ERROR(mirror.Open(false, 0));
  absl::StatusOr<std::int64_t> version = mirror.store()->ReadDataVersion();
  if (!version.ok() && mirror.options().is_shared) {
    RETURN_IF_ERROR(ReadTenantOf(mirror, 0).status());
    version = mirror.store()->ReadDataVersion();
  }
  if (!version.ok()) return mirror.QuarantineIfDamaged(version.status());
  known = schema_hash.empty() ? mirror.agreed().FindAt(key, *version) : std::nullopt;
  if (known) return *std::move(known);
  ASSIGN_OR_RETURN(TenantRecord tenant, mirror.QuarantineIfDamaged(mirror.store()->records().ReadTenant()));
  RETURN_IF_ERROR(CheckOwner(caller, tenant));
  ASSIGN_OR_RETURN(std::optional<TableSchema> schema,
                   mirror.QuarantineIfDamaged(mirror.store()->records().ReadSchema(table)));
  if (!schema) return NotAgreed(table);
  TableSchema by_now = *schema;
  if (!mirror.agreed().rules().Set(&by_now).ok() || by_now != *schema) {
    return absl::FailedPreconditionError(
        absl::StrCat("table '", table,
                     "': this endpoint's rules for its columns changed since it was agreed. Nothing was "
                     "applied. Begin a new cycle; its TableSchema says what to do."));
  }
  AgreedTable agreed;
  agreed.hash = SchemaHash(*schema);
  agreed.kept = std::make_shared<const TableSchema>(KeptForm(*schema, &agreed.origin));
  agreed.schema = std::make_shared<const TableSchema>(*std::move(schema));
  mirror.agreed().Keep(key, agreed, *version);
  return agreed;
}

void TellHolds(Mirror& mirror, const std::vector<Hold>& known, const std::vector<Hold>& written) {
  mirror.cycle().ForgetHolds();
  for (const Hold& hold : written) {
    // A hold that already waits is reported once, even if its counts change.
    const Hold* const former = FindHold(known, hold.kind, hold.table);
    if (former != nullptr && former->state == HoldState::kWaiting && former->source_id == hold.source_id)
      continue;
    mirror.Tell(Severity::kError, absl::StrCat("hold.", std::string(ToString(hold.kind))), hold.reason);
  }
  mirror.Summarize(Look::kHolds);
}

bool SummarizeNow(Mirror& mirror, std::int64_t now_ms) {
  if (!mirror.mutex().try_lock()) return false;
  const MutexLock lock(mirror.mutex(), std::adopt_lock);
  if (!mirror.Open(false, now_ms).ok() || !ReadTenantOf(mirror, now_ms).ok()) return false;
  mirror.Summarize(Look::kAll);
  return true;
}

void KeepTargets(Store& store, const FreshnessRules& rules, const std::string& context_id) {
  const auto plan = [&](const TenantRecord&) -> absl::StatusOr<std::optional<Plan>> {
    ASSIGN_OR_RETURN(const Freshness freshness, store.records().ReadFreshness());
    if (rules.empty() && freshness.targets == FreshnessTargets{}) return std::optional<Plan>();
    ASSIGN_OR_RETURN(const std::vector<TableRecord> records, store.records().ReadTables());
    std::vector<std::string> tables;
    for (const TableRecord& record : records) tables.push_back(record.table);
    ASSIGN_OR_RETURN(const TenantRecord tenant, store.records().ReadTenant());
    Plan next;
    next.targets =
        tenant.door() == Door::kRecords ? FreshnessTargets{} : TargetsOf(rules, context_id, tables);
    if (*next.targets == freshness.targets) return std::optional<Plan>();
    return std::optional(std::move(next));
  };
  // A file with the right targets takes no lock.
  if (const absl::StatusOr<std::optional<Plan>> before = plan({}); before.ok() && *before) {
    Writing writing;
    while (writing.Begin(store)) writing.Commit(plan(writing.tenant()));
  }
}

void TellCycleFailed(Mirror& mirror, std::int64_t cycle, const std::string& why, const std::string& next) {
  mirror.seen().NoteFailure(why);
  mirror.seen().book().NoteFailure(cycle, why);
  mirror.Tell(
      Severity::kError, "cycle.failed",
      absl::StrCat("cycle ", cycle, " failed: ", why,
                   ". What was committed stays, and the source's next cycle continues from there. ", next));
}

void TellTimedOut(Mirror& mirror, std::int64_t cycle) {
  TellCycleFailed(mirror, cycle,
                  absl::StrCat("its source made no progress for ", mirror.options().cycle_idle_ms / 1'000,
                               " s and sent no ReplicationCompleted"),
                  "Check that the source's agent runs, and the network between it and this server.");
}

void TellNotKept(Mirror& mirror, const std::vector<AnnouncedTable>& tables) {
  const std::shared_ptr<const JournalRules> rules =
      JournalRulesOf(mirror.options().journal, mirror.context_id());
  if (rules == nullptr) return;
  std::vector<std::string> names;
  for (const AnnouncedTable& table : tables) {
    if (!table.schema.ok() || CanHaveVersions(*table.schema)) continue;
    if (rules->Of(table.schema->name).history) names.push_back(table.schema->name);
  }
  if (names.empty()) return;
  mirror.Tell(Severity::kInformation, "history.not_kept",
              absl::StrCat("no history is kept of ", ListNames(names),
                           ", though mirror-server.toml asks for it: a table can have none if it has no key, "
                           "more than 1,500 columns, or a column whose name begins with _mirror_"));
}

void TellInterrupted(Mirror& mirror, std::int64_t cycle) {
  TellCycleFailed(mirror, cycle, "it ended without ReplicationCompleted, and its source began another one",
                  "The source's agent, this server or the network between them was interrupted; look at "
                  "their logs if it happens again.");
}

}  // namespace mirror
