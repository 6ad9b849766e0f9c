#include "server/tenant/row_writer.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <set>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"
#include "server/plan/apply_plan.h"
#include "server/plan/cycle_check.h"
#include "server/plan/cycle_notes.h"
#include "server/plan/tenant_rules.h"

namespace mirror {
namespace {

/// A batch that another server applies to a shared mirror is not signalled here. So a waiting call checks
/// again after the first pause, and each pause is twice as long as the previous one, up to the last.
constexpr std::chrono::milliseconds kGapLookFirst{50}, kGapLookLast{400};

const char* InWords(PopulateReason reason) {
  switch (reason) {
    case PopulateReason::kNone:
      break;
    case PopulateReason::kRequested:
      return "somebody asked for it at the source";
    case PopulateReason::kMinusOne:
      return "the mirror's LSN was -1";
    case PopulateReason::kAhead:
      return "the mirror is ahead of the source: the source was restored, or counts its changes anew";
    case PopulateReason::kLineageMiss:
      return "the source does not know the mirror's position: the source or the mirror was restored, or the "
             "source is another database, or counts its changes anew, as after a change of its strategy";
    case PopulateReason::kPendingMiss:
      return "the source does not know the position that an interrupted cycle aimed at: the source was "
             "restored meanwhile, or counts its changes anew";
    case PopulateReason::kHistoryGone:
      return "the source's log no longer reaches back to the mirror's LSN";
    case PopulateReason::kSchema:
      return "its definition changed";
    case PopulateReason::kKeyless:
      return "it has no key, and its rows changed";
  }
  return "the source gave no reason";
}

/// A population's rows become durable with its end (docs/decisions/0070): until then its LSN is -1.
bool IsDurable(const BatchOutcome& outcome, Store& store) {
  return outcome.status.ok() && outcome.lsn != Lsn{} && store.IsDurable();
}

/// Returns the error for the other requests after one of the group closed the mirror.
absl::Status WhyClosed(Mirror& mirror) MIRROR_REQUIRES(mirror.mutex()) {
  const std::string& damage = mirror.file().quarantine;
  if (!damage.empty()) return absl::DataLossError(damage);
  return absl::UnavailableError(
      "the mirror's file was replaced meanwhile. The outcome is not known; the same call again is safe.");
}

GapWaits& GapsOf(Mirror& mirror) {
  const MutexLock lock(mirror.mutex());
  return mirror.cycle().gaps();
}

/// Returns the folded names of the tables for which `request` has batches.
std::set<std::string> TablesOf(const RowRequest& request) {
  std::set<std::string> tables;
  for (const IncomingBatch& batch : request.batches) tables.insert(FoldName(batch.table));
  return tables;
}

/// Returns the bytes of values that came in parts, for the row of the batch that has the most.
std::uint64_t LargestRow(const ChangeBatch& batch) {
  std::map<std::uint32_t, std::uint64_t> bytes;
  std::uint64_t largest = 0;
  for (const ColumnView& view : batch.columns) {
    for (const LargeValue& large : view.large) largest = std::max(largest, bytes[large.row] += large.size);
  }
  return largest;
}

/// Returns whether the cycle of `before` still runs in `now`, with the same owner.
bool GoesOn(const TenantRecord& before, const TenantRecord& now) {
  return CheckRuns(before.cycle, now).ok() && now.issuer == before.issuer &&
         now.environment == before.environment;
}

/// Returns everything that the group may write, whatever the plan is.
Intent IntentOf(const std::vector<WaitingRows*>& group) {
  std::set<std::string> tables;
  Intent intent{.changes_tables = false};
  for (const WaitingRows* const waiting : group) {
    const RowRequest& request = waiting->request;
    for (const IncomingPart& part : request.parts) tables.insert(FoldName(part.table));
    for (const IncomingBatch& incoming : request.batches) {
      tables.insert(FoldName(incoming.table));
      if (!incoming.batch.ok()) continue;
      const ChangeBatch& batch = *incoming.batch;
      intent.large_bytes = std::max(intent.large_bytes, LargestRow(batch));
      const bool ends_population = batch.commit && batch.base_lsn == Lsn{};
      if (batch.populate != PopulateReason::kNone || ends_population) intent.changes_tables = true;
    }
    if (!request.advance) continue;
    for (const auto& [table, base] : request.advance->tables) tables.insert(FoldName(table));
  }
  intent.tables.assign(tables.begin(), tables.end());
  return intent;
}

/// Returns whether the step only continues a population. If a power failure loses such rows, a source
/// that continues notices it at its next batch, and the next cycle populates anew (docs/decisions/0070).
bool FillsShadow(const Step& step) {
  if (step.commits || !step.record || step.record->state != TableState::kPopulating) return false;
  return std::all_of(step.actions.begin(), step.actions.end(), [](const auto& action) {
    const auto* const rows = std::get_if<ApplyRows>(&action);
    return rows != nullptr && rows->into_shadow;
  });
}

/// Returns whether the commit changed what the cycle has to remember.
bool ChangesNotes(const Committed& committed) {
  return CycleNotesOf(committed.plan, committed.result.steps) != CycleNoteChanges{};
}

/// Must be called after RunningCycle::Load().
RowPlanner PlannerFor(Mirror& mirror, const TenantRecord& tenant, std::int64_t now_ms)
    MIRROR_REQUIRES(mirror.mutex()) {
  const RunningCycle& cycle = mirror.cycle();
  return RowPlanner(
      *mirror.store(),
      RowPlanner::Cycle{tenant.cycle, !tenant.announced.empty(), cycle.refused(), mirror.context_id(),
                        &mirror.options().breaker, &cycle.holds(), now_ms, tenant.missed_cycle},
      RefusedOf(cycle.notes()));
}

}  // namespace

/// Requests that are committed together: planned under the store's lock, and kept until they
/// are answered. All of `waiting` belong to the cycle of one tenant, and outlive the group.
struct RowWriter::RowGroup {
  const std::vector<WaitingRows*>& waiting;
  // The results of the last planning:
  std::optional<RowPlanner> planner = {};
  std::vector<WaitingRows*> planned = {};  ///< The others wait for earlier batches.
  std::vector<Hold> known_holds = {};      ///< The holds from which the plan was made.
};

RowWriter::RowWriter(Mirror& mirror) : mirror_(mirror), gaps_(GapsOf(mirror)) {}

RowAnswer RowWriter::Apply(const Caller& caller, const RowRequest& request, bool wait_for_gaps,
                           std::int64_t now_ms, RowsEnd* end) {
  using std::chrono::steady_clock;
  const steady_clock::time_point deadline =
      steady_clock::now() + std::chrono::milliseconds(mirror_.options().gap_wait_ms);
  std::chrono::milliseconds pause = kGapLookFirst;
  while (true) {
    WaitingRows waiting(caller, request, now_ms, mirror_.options().steady_now());
    waiting.may_wait = wait_for_gaps && steady_clock::now() < deadline;
    waiting.end = end;
    Queue({&waiting});
    if (!waiting.has_gap) return std::move(waiting.answer);
    steady_clock::time_point until = deadline;
    if (mirror_.options().is_shared) {
      until = std::min(deadline, steady_clock::now() + pause);
      pause = std::min(kGapLookLast, 2 * pause);
    }
    gaps_.WaitUntil(TablesOf(request), waiting.gap_seen, until);
  }
}

std::vector<RowAnswer> RowWriter::ApplyAll(const Caller& caller,
                                           const std::vector<const RowRequest*>& requests,
                                           std::int64_t now_ms) {
  std::vector<WaitingRows> waiting;
  waiting.reserve(requests.size());
  std::vector<WaitingRows*> places;
  for (const RowRequest* const request : requests) {
    places.push_back(&waiting.emplace_back(caller, *request, now_ms, mirror_.options().steady_now()));
  }
  Queue(places);
  std::vector<RowAnswer> answers;
  for (WaitingRows& one : waiting) answers.push_back(std::move(one.answer));
  return answers;
}

void RowWriter::Queue(const std::vector<WaitingRows*>& requests) {
  CommitQueue<WaitingRows>::Place place(queue_, requests);
  while (place.MustLead()) {
    // Whatever happens, the other threads must not wait for ever.
    const CommitQueue<WaitingRows>::Leading leading(queue_);
    const MutexLock lock(mirror_.mutex());
    try {
      ApplyGroup(queue_.Take());
    } catch (const std::bad_alloc&) {
      // The state of the transaction is unknown.
      mirror_.Close();
      for (WaitingRows* const waiting : queue_.taken()) {
        waiting->Answer(absl::ResourceExhaustedError(
            "there is no memory left to apply this. Its outcome is not known; the same call again is safe, "
            "better with smaller batches."));
      }
    }
  }
}

void RowWriter::ApplyGroup(const std::vector<WaitingRows*>& group) {
  const std::optional<TenantRecord> last = LastSeen(group);
  if (!last || !FinishGroup(*last, group, RowSeen::kBefore)) {
    absl::StatusOr<TenantRecord> tenant = absl::UnknownError("");
    const std::vector<WaitingRows*> running = FindRunning(group, &tenant);
    if (running.empty()) return;
    FinishGroup(*tenant, running, RowSeen::kNow);
  }
  NotifyGapWaiters(group);
}

void RowWriter::NotifyGapWaiters(const std::vector<WaitingRows*>& group) {
  std::set<std::string> tables;
  // Other requests of the group may have been planned for the table after the gap was found.
  const std::uint64_t seen = gaps_.changes();
  for (WaitingRows* const one : group) {
    one->gap_seen = seen;
    if (!one->has_gap) tables.merge(TablesOf(one->request));
  }
  if (!tables.empty()) gaps_.Tell(tables);
}

bool RowWriter::FinishGroup(const TenantRecord& tenant, const std::vector<WaitingRows*>& group,
                            RowSeen seen) {
  const absl::StatusOr<bool> done = CommitGroup(tenant, group, seen);
  const absl::Status& status = done.status();
  const bool of_one =
      !status.ok() && !absl::IsUnavailable(status) && !absl::IsDataLoss(status) && !absl::IsAborted(status);
  if (of_one && group.size() > 1) {
    // The error belongs to one request, and must not affect the others.
    for (WaitingRows* const waiting : group) {
      const absl::StatusOr<bool> alone = CommitGroup(tenant, {waiting}, RowSeen::kNow);
      if (!alone.ok()) waiting->Answer(alone.status());
    }
  } else if (!status.ok()) {
    for (WaitingRows* const waiting : group) waiting->Answer(status);
  }
  return !done.ok() || *done;
}

std::optional<TenantRecord> RowWriter::LastSeen(const std::vector<WaitingRows*>& group) {
  if (!mirror_.options().is_shared || !mirror_.Open(false, group.front()->now_ms).ok()) return std::nullopt;
  const std::optional<TenantRecord>& last = mirror_.file().owner;
  if (!last) return std::nullopt;
  std::map<std::string, std::uint64_t> seqs;
  for (const WaitingRows* const waiting : group) {
    const RowRequest& request = waiting->request;
    if (!CheckCycle(waiting->caller, request.cycle, *last).ok() || !Follows(request, seqs) ||
        mirror_.progress().IsIdle(*last, waiting->now_ms)) {
      return std::nullopt;
    }
  }
  return last;
}

std::vector<WaitingRows*> RowWriter::FindRunning(const std::vector<WaitingRows*>& group,
                                                 absl::StatusOr<TenantRecord>* tenant) {
  absl::Status status = mirror_.Open(false, group.front()->now_ms);
  if (status.ok()) {
    *tenant = ReadTenantOf(mirror_, group.front()->now_ms);
    status = tenant->status();
  }
  std::vector<WaitingRows*> running;
  for (WaitingRows* const waiting : group) {
    absl::Status own = status;
    if (own.ok()) {
      own = mirror_.CheckRunning(waiting->caller, waiting->request.cycle, waiting->now_ms, **tenant);
    }
    if (own.ok()) {
      running.push_back(waiting);
      continue;
    }
    waiting->Answer(own);
    if (!status.ok()) continue;
    // The call may have ended an idle cycle.
    if (mirror_.store() == nullptr) {
      status = own;
    } else {
      *tenant = mirror_.store()->records().ReadTenant();
      status = mirror_.QuarantineIfDamaged(tenant->status());
    }
  }
  return running;
}

absl::StatusOr<bool> RowWriter::CommitGroup(const TenantRecord& tenant,
                                            const std::vector<WaitingRows*>& group, RowSeen seen) {
  if (mirror_.store() == nullptr) return WhyClosed(mirror_);
  TellPartnersRows(tenant, group);
  ASSIGN_OR_RETURN(const bool wait, mirror_.QuarantineIfDamaged(MustWait(tenant, group)));
  if (wait) return true;
  if (group.size() > 1) {
    // Grouped requests are not the cycle's last rows, even if each is committed alone.
    for (WaitingRows* const waiting : group) waiting->end = nullptr;
  }
  RowGroup planned{group};
  bool is_over = false;
  const auto began = std::chrono::steady_clock::now();
  Writing writing(IntentOf(group));
  while (mirror_.Begin(writing)) {
    is_over = seen == RowSeen::kBefore && !GoesOn(tenant, writing.tenant());
    is_over ? writing.Leave(absl::OkStatus()) : Write(seen, planned, writing);
  }
  ASSIGN_OR_RETURN(std::optional<Committed> committed, mirror_.Finish(writing));
  if (!committed) return !is_over;
  mirror_.options().counters->commits.Note(std::chrono::steady_clock::now() - began);
  CrashPoint("apply.committed");
  std::optional<std::vector<Hold>> holds = NoteCommitted(*committed);
  absl::Status status = Settle(committed->result.steps, group.front()->now_ms, std::move(holds), planned);
  if (status.ok()) status = AnswerGroup(tenant, planned);
  if (committed->result.followed) group.front()->end->NoteCommitted();
  if (!status.ok()) return status;
  return true;
}

void RowWriter::Write(RowSeen seen, RowGroup& group, Writing& writing) {
  if (seen == RowSeen::kBefore) {
    mirror_.cycle().NoteServed();
    mirror_.file().owner = writing.tenant();
  }
  absl::StatusOr<std::optional<Plan>> plan = PlanGroup(writing.tenant(), group);
  const bool has_end = group.waiting.front()->end != nullptr && plan.ok() && plan->has_value();
  if (!has_end || !writing.CanCommitTwo()) return writing.Commit(std::move(plan));
  if (const Committed* const done = writing.RunFirst(**std::move(plan))) {
    writing.Commit(PlanCycleEndAfter(group, *done, writing.tenant()));
  }
}

absl::StatusOr<std::optional<Plan>> RowWriter::PlanGroup(const TenantRecord& tenant, RowGroup& group) {
  RETURN_IF_ERROR(mirror_.cycle().Load(*mirror_.store()));
  Plan plan;
  plan.cycle = group.waiting.front()->request.cycle;
  for (const WaitingRows* const one : group.waiting) plan.now_ms = std::max(plan.now_ms, one->now_ms);
  RowPlanner& planner = group.planner.emplace(PlannerFor(mirror_, tenant, plan.now_ms));
  group.known_holds = mirror_.cycle().holds();
  group.planned.clear();
  for (WaitingRows* const one : group.waiting) {
    ASSIGN_OR_RETURN(const bool added, planner.Add(one->request, one->may_wait));
    one->has_gap = !added;
    if (added) group.planned.push_back(one);
  }
  if (group.planned.empty()) return std::optional<Plan>();
  plan.steps = planner.TakeSteps();
  mirror_.hooks().AddWiped(&plan);
  plan.holds = planner.TakeHolds();
  if (!plan.steps.empty() && plan.holds.empty() &&
      std::all_of(plan.steps.begin(), plan.steps.end(), FillsShadow)) {
    plan.kept = Kept::kWithNext;
  }
  plan.cycle_notes = {.batches = planner.BatchesToNote()};
  return plan;
}

absl::StatusOr<std::optional<Plan>> RowWriter::PlanCycleEndAfter(RowGroup& group, const Committed& done,
                                                                 const TenantRecord& tenant) {
  const Plan& plan = done.plan;
  const bool judged = !plan.holds.empty() || std::any_of(plan.steps.begin(), plan.steps.end(),
                                                         [](const Step& step) { return step.settles_holds; });
  if (group.planned.size() != 1 || ChangesNotes(done) || judged) return std::optional<Plan>();
  for (const BatchOutcome& outcome : group.planner->outcomes(0)) {
    if (!outcome.status.ok()) return std::optional<Plan>();
  }
  for (const StepResult& step : done.result.steps) {
    if (!step.status.ok()) return std::optional<Plan>();
  }
  return group.waiting.front()->end->MakePlan(tenant);
}

void RowWriter::TellPartnersRows(const TenantRecord& tenant, const std::vector<WaitingRows*>& group) {
  for (const WaitingRows* const waiting : group) {
    for (const IncomingBatch& batch : waiting->request.batches) {
      if (batch.seq != 1 || !batch.batch.ok() || batch.batch->populate == PopulateReason::kNone) continue;
      mirror_.partner().TellRows(*mirror_.store(), tenant.cycle, batch.table,
                                 "The population that began now removes");
    }
  }
}

absl::StatusOr<bool> RowWriter::MustWait(const TenantRecord& tenant, const std::vector<WaitingRows*>& group) {
  for (const WaitingRows* const one : group) {
    std::map<std::string, std::uint64_t> seqs;
    if (!one->may_wait || Follows(one->request, seqs)) return false;
  }
  RETURN_IF_ERROR(mirror_.cycle().Load(*mirror_.store()));
  RowPlanner look = PlannerFor(mirror_, tenant, 0);
  for (WaitingRows* const one : group) {
    ASSIGN_OR_RETURN(const bool gap, look.HasGap(one->request));
    if (!gap) return false;
  }
  for (WaitingRows* const one : group) one->has_gap = true;
  return true;
}

bool RowWriter::Follows(const RowRequest& request, std::map<std::string, std::uint64_t>& seqs) const {
  for (const IncomingBatch& batch : request.batches) {
    const auto [last, is_first] = seqs.try_emplace(FoldName(batch.table), 0);
    const auto known = applied_seqs_.find(last->first);
    if (is_first && request.cycle == seqs_cycle_ && known != applied_seqs_.end())
      last->second = known->second;
    if (batch.seq > 1 + last->second) return false;
    last->second = std::max(last->second, batch.seq);
  }
  return true;
}

std::optional<std::vector<Hold>> RowWriter::NoteCommitted(const Committed& committed) {
  const std::vector<Step>& steps = committed.plan.steps;
  const std::vector<StepResult>& results = committed.result.steps;
  mirror_.seen().NoteTimes(steps, results);
  bool settles = false, swaps = false;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const std::vector<Action>& actions = steps[i].actions;
    swaps = swaps || std::any_of(actions.begin(), actions.end(), [](const Action& action) {
              return std::holds_alternative<SwapShadow>(action);
            });
    settles = settles || (steps[i].settles_holds && results[i].status.ok());
  }
  if (swaps) mirror_.indexes().SetDue();
  if (ChangesNotes(committed)) mirror_.cycle().ForgetNotes();
  if (!settles && committed.plan.holds.empty()) return std::nullopt;
  return committed.plan.holds;
}

absl::Status RowWriter::Settle(std::vector<StepResult>& results, std::int64_t now_ms,
                               std::optional<std::vector<Hold>> changed, RowGroup& group) {
  std::vector<std::pair<std::string, std::string>> left_out;
  RETURN_IF_ERROR(mirror_.QuarantineIfDamaged(group.planner->Settle(results, &left_out)));
  std::vector<Hold> late;
  const absl::Status kept = KeepLateHolds(now_ms, *group.planner, &late);
  if (kept.ok() && !late.empty()) {
    if (!changed) changed.emplace();
    changed->insert(changed->end(), late.begin(), late.end());
  }
  if (changed) TellHolds(mirror_, group.known_holds, *changed);
  if (!kept.ok()) return kept;
  for (const auto& [table, index] : left_out) {
    mirror_.Tell(Severity::kWarning, "index.left_out",
                 absl::StrCat("index '", index, "' of table '", table,
                              "' does not fit the new rows and was left out. If you need it, make it again: "
                              "without UNIQUE, and over columns that the table has"));
  }
  return absl::OkStatus();
}

absl::Status RowWriter::KeepLateHolds(std::int64_t now_ms, RowPlanner& planner, std::vector<Hold>* late) {
  if (!planner.has_late()) return absl::OkStatus();
  Writing writing;
  while (mirror_.Begin(writing)) {
    absl::Status loaded = mirror_.cycle().Load(*mirror_.store());
    absl::StatusOr<std::vector<Hold>> judged = loaded.ok() ? planner.JudgeLate() : loaded;
    if (judged.ok()) *late = *std::move(judged);
    if (!judged.ok() || late->empty()) {
      writing.Leave(judged.status());
      continue;
    }
    Plan plan;
    plan.now_ms = now_ms;
    plan.holds = *late;
    writing.Commit(std::move(plan));
  }
  return mirror_.Finish(writing).status();
}

absl::Status RowWriter::AnswerGroup(const TenantRecord& tenant, RowGroup& group) {
  ServerCounters& counters = *mirror_.options().counters;
  std::int64_t progressed = 0;
  for (std::size_t i = 0; i < group.planned.size(); ++i) {
    if (mirror_.store() == nullptr) return WhyClosed(mirror_);
    WaitingRows& waiting = *group.planned[i];
    waiting.Answer(AnswerOf(waiting, i, *group.planner));
    counters.requests.Note(std::chrono::steady_clock::now() - waiting.began);
    counters.row_bytes.Add(waiting.request.bytes);
    progressed = std::max(progressed, mirror_.progress().EndOf(waiting.now_ms, waiting.began));
    mirror_.progress().Note(tenant.cycle, progressed);
  }
  return absl::OkStatus();
}

RowAnswer RowWriter::AnswerOf(const WaitingRows& waiting, std::size_t number, RowPlanner& planner) {
  const RowRequest& request = waiting.request;
  std::vector<BatchOutcome>& outcomes = planner.outcomes(number);
  // A part that was stored needs no answer.
  std::vector<BatchOutcome> answered;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    BatchOutcome& outcome = outcomes[i];
    if (i < request.parts.size()) {
      if (!outcome.status.ok()) answered.push_back(std::move(outcome));
      continue;
    }
    if (outcome.more_missing) RETURN_IF_ERROR(StopTable(waiting, outcome));
    ASSIGN_OR_RETURN(const RowPlanner::Standing standing,
                     mirror_.QuarantineIfDamaged(planner.StandingAfter(number, i)));
    Finish(waiting, standing, i - request.parts.size(), &outcome);
    answered.push_back(std::move(outcome));
  }
  return answered;
}

absl::Status RowWriter::StopTable(const WaitingRows& waiting, const BatchOutcome& outcome) {
  Writing writing;
  while (mirror_.Begin(writing)) {
    const absl::StatusOr<std::optional<TableRecord>> record =
        mirror_.store()->records().ReadTable(outcome.table);
    if (!record.ok()) {
      writing.Leave(record.status());
      continue;
    }
    Plan plan;
    plan.cycle = waiting.request.cycle;
    plan.now_ms = waiting.now_ms;
    if (*record) plan.steps.push_back(PlanStop(*plan.cycle, **record));
    writing.Commit(std::move(plan));
  }
  RETURN_IF_ERROR(mirror_.Finish(writing).status());
  mirror_.Tell(Severity::kWarning, "table.rows_missing", std::string(outcome.status.message()));
  return absl::OkStatus();
}

void RowWriter::Finish(const WaitingRows& waiting, const RowPlanner::Standing& standing, std::size_t number,
                       BatchOutcome* outcome) {
  const RowRequest& request = waiting.request;
  outcome->applied_seq = standing.cycle == request.cycle ? standing.seq : 0;
  outcome->lsn = standing.lsn;
  outcome->durable = IsDurable(*outcome, *mirror_.store());
  // Only for existing tables: invented names must not accumulate.
  if (outcome->seq != 0 && standing.there) {
    if (outcome->status.ok()) {
      if (std::exchange(seqs_cycle_, request.cycle) != request.cycle) applied_seqs_.clear();
      applied_seqs_[FoldName(outcome->table)] = outcome->applied_seq;
      if (!outcome->repeated) mirror_.cycle().ForgetRefusal(outcome->table);
    } else if (!absl::IsAborted(outcome->status)) {
      mirror_.cycle().NoteRefusal(request.cycle, *outcome);
    }
  }
  CountBatch(waiting, number, *outcome);
  if (number < request.batches.size() && outcome->status.ok() && !outcome->repeated && outcome->seq == 1) {
    TellPopulating(outcome->table, outcome->populate);
  }
}

absl::StatusOr<BatchOutcome> RowWriter::Wipe(const Caller& caller, std::int64_t cycle,
                                             const std::string& table, const Position& target,
                                             PopulateReason reason, std::int64_t now_ms) {
  const CycleProgress::SteadyTime began = mirror_.options().steady_now();
  absl::StatusOr<AgreedTable> agreed = ReadAgreed(mirror_, caller, table, "");
  const MutexLock lock(mirror_.mutex());
  ASSIGN_OR_RETURN(TenantRecord running, ReadRunning(mirror_, caller, cycle, now_ms));
  BatchOutcome outcome{.table = table, .seq = 1};
  if (!agreed.ok()) {
    outcome.status = agreed.status();
    return outcome;
  }
  Writing writing;
  while (mirror_.Begin(writing)) {
    absl::Status runs = CheckCycle(caller, cycle, writing.tenant());
    writing.Commit(runs.ok() ? PlanWipeOf(writing.tenant(), *agreed, target, now_ms, &outcome) : runs);
  }
  ASSIGN_OR_RETURN(const std::optional<Committed> committed, mirror_.Finish(writing));
  if (!committed) return outcome;
  const std::vector<StepResult>& steps = committed->result.steps;
  if (!steps.empty()) outcome.status = steps.front().status;
  mirror_.progress().Note(cycle, mirror_.progress().EndOf(now_ms, began));
  ASSIGN_OR_RETURN(std::optional<TableRecord> record,
                   mirror_.QuarantineIfDamaged(mirror_.store()->records().ReadTable(table)));
  if (record) {
    outcome.applied_seq = record->cycle == cycle ? record->seq : 0;
    outcome.lsn = record->position.lsn;
  }
  outcome.durable = IsDurable(outcome, *mirror_.store());
  if (outcome.status.ok() && !outcome.repeated) TellPopulating(table, reason);
  gaps_.Tell({FoldName(table)});
  return outcome;
}

absl::StatusOr<std::optional<Plan>> RowWriter::PlanWipeOf(const TenantRecord& tenant,
                                                          const AgreedTable& agreed, const Position& target,
                                                          std::int64_t now_ms, BatchOutcome* outcome) {
  const std::string& table = outcome->table;
  RETURN_IF_ERROR(mirror_.cycle().Load(*mirror_.store()));
  if (tenant.announced.empty() || mirror_.cycle().refused().contains(FoldName(table))) {
    outcome->status = NotAgreed(table);
    return std::optional<Plan>();
  }
  ASSIGN_OR_RETURN(std::optional<TableRecord> record, mirror_.store()->records().ReadTable(table));
  if (record && record->schema_hash != agreed.hash) {
    outcome->status = absl::FailedPreconditionError(
        absl::StrCat("table '", table,
                     "' was announced with another definition meanwhile. Nothing was wiped; the same "
                     "call again is safe."));
    return std::optional<Plan>();
  }
  BatchPlan planned = PlanWipe(tenant.cycle, record, *agreed.schema, target,
                               KeepsReceipts(mirror_.options().receipts, mirror_.context_id()));
  outcome->repeated = planned.verdict == BatchPlan::Verdict::kRepeated;
  outcome->status = std::move(planned.status);
  Plan plan;
  plan.cycle = tenant.cycle;
  plan.now_ms = now_ms;
  if (planned.verdict == BatchPlan::Verdict::kApply) plan.steps.push_back(std::move(planned.step));
  mirror_.hooks().AddWiped(&plan);
  return plan;
}

void RowWriter::TellPopulating(const std::string& table, PopulateReason reason) {
  if (reason == PopulateReason::kNone) return;
  const auto tell = [&](Severity severity, const char* kind, const char* why) {
    mirror_.Tell(severity, kind, absl::StrCat("table '", table, "' is being populated anew: ", why));
  };
  if (!IsMiss(reason)) return tell(Severity::kInformation, "table.populating", InWords(reason));
  const absl::StatusOr<TenantRecord> tenant = mirror_.store()->records().ReadTenant();
  if (tenant.ok() && tenant->source_accepted) {
    return tell(Severity::kWarning, "source.replaced", "an operator accepted another source database");
  }
  tell(Severity::kWarning, "source.restored", InWords(reason));
}

void RowWriter::CountBatch(const WaitingRows& waiting, std::size_t batch, const BatchOutcome& outcome) {
  const RowRequest& request = waiting.request;
  if (batch >= request.batches.size()) return;
  ServerCounters& counters = *mirror_.options().counters;
  if (!outcome.status.ok()) return counters.batches_refused.Add();
  if (outcome.repeated) return counters.batches_repeated.Add();
  counters.batches_applied.Add();
  const ChangeBatch& rows = *request.batches[batch].batch;
  if (rows.operation == Operation::kInsert) counters.rows_inserted.Add(rows.row_count);
  if (rows.operation == Operation::kUpdate) counters.rows_updated.Add(rows.row_count);
  if (rows.operation == Operation::kDelete) counters.rows_deleted.Add(rows.row_count);
  CycleBook& book = mirror_.seen().book();
  if (rows.planned) book.NotePlanned(request.cycle, *rows.planned, waiting.now_ms);
  book.NoteRows(request.cycle, rows.operation, rows.row_count, waiting.now_ms);
}

}  // namespace mirror
