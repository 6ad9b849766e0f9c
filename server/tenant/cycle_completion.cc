#include "server/tenant/cycle_completion.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"
#include "server/plan/announce_plan.h"
#include "server/plan/move_mark.h"
#include "server/plan/pause.h"
#include "server/tenant/mirror/hub_calls.h"
#include "server/tenant/mirror/mirror_feed.h"

namespace mirror {
namespace {

/// Lets a digest run to its end: if the cycle ended meanwhile, the next call finds that.
const GoOn kToTheEnd = [] { return true; };

/// Returns whether the end of a cycle reports only that it is over and how fresh
/// the tables are: then it may wait in memory. Not for a cycle of an exchange:
/// hub and source would take a mirror that forgot the end for a restored one.
bool MayWait(const Mirror& mirror, const TenantRecord& before, const Plan& plan) {
  const bool is_as_it_was = plan.tenant->paused == before.paused &&
                            plan.tenant->missed_cycle == before.missed_cycle &&
                            plan.tenant->source_accepted == before.source_accepted;
  return is_as_it_was && !before.touched && plan.checks.empty() && plan.documents.empty() && !plan.hooks &&
         !IsOfHub(mirror);
}

}  // namespace

absl::StatusOr<std::vector<TableVerdict>> CycleCompletion::Complete(const Caller& caller, std::int64_t cycle,
                                                                    const std::vector<CompletedTable>& tables,
                                                                    std::int64_t now_ms,
                                                                    std::optional<AllAsOf> as_of,
                                                                    const std::vector<UnsentTable>& unsent) {
  Completing completing{cycle, tables, now_ms, std::move(as_of), unsent};
  {
    const MutexLock lock(mirror_.mutex());
    absl::Status status = ReadRunning(mirror_, caller, cycle, now_ms).status();
    if (status.ok()) status = End(&completing);
    // The answer to the first call may have been lost, or another server got the first call.
    if (!status.ok() && WasCompleted(caller, cycle))
      status = mirror_.QuarantineIfDamaged(CompareNow(&completing));
    // Durable before the answer: afterwards the source forgets the cycle's changes.
    if (status.ok() && mirror_.store() != nullptr)
      status = mirror_.QuarantineIfDamaged(mirror_.store()->MakeDurable());
    if (!status.ok()) return status;
  }
  return Finish(&completing);
}

absl::StatusOr<std::optional<Plan>> CycleCompletion::BehindRows::MakePlan(const TenantRecord& tenant) {
  if (owner_.mirror_.store()->IsBuilding()) return std::optional<Plan>();
  RETURN_IF_ERROR(owner_.mirror_.cycle().Load(*owner_.mirror_.store()));
  // Only their commit shows which refusals these rows resolve.
  if (!owner_.mirror_.cycle().RefusalsOf(completing_.cycle).empty()) return std::optional<Plan>();
  before_ = tenant;
  Plan plan = PlanCycleEnd(tenant, owner_.mirror_.options(), completing_.now_ms);
  RETURN_IF_ERROR(owner_.PlanCompletion(tenant, &completing_, &plan));
  ended_ = *plan.tenant;
  return std::optional(std::move(plan));
}

void CycleCompletion::BehindRows::NoteCommitted() {
  NoteCycleEnd(owner_.mirror_, before_, ended_, completing_.now_ms);
  owner_.Ended(completing_);
  status_ = owner_.mirror_.store() == nullptr
                ? absl::OkStatus()
                : owner_.mirror_.QuarantineIfDamaged(owner_.mirror_.store()->MakeDurable());
}

std::optional<std::vector<TableVerdict>> CycleCompletion::BehindRows::Finish() {
  if (!status_.ok()) return std::nullopt;
  absl::StatusOr<std::vector<TableVerdict>> verdicts = owner_.Finish(&completing_);
  return verdicts.ok() ? std::optional(*std::move(verdicts)) : std::nullopt;
}

absl::StatusOr<std::vector<TableVerdict>> CycleCompletion::Finish(Completing* completing) {
  RETURN_IF_ERROR(CompareLater(completing->tables, completing->now_ms, &completing->verdicts));
  const MutexLock lock(mirror_.mutex());
  if (mirror_.store() != nullptr) mirror_.store()->upkeep().StandAlone();
  // If all stores were in use when they were opened, there may be
  // one to close now. The last used ones keep their statements.
  mirror_.MakeRoom();
  return std::move(completing->verdicts);
}

bool CycleCompletion::WasCompleted(const Caller& caller, std::int64_t cycle) {
  if (mirror_.store() == nullptr) return false;
  const absl::StatusOr<TenantRecord> tenant = mirror_.store()->records().ReadTenant();
  return tenant.ok() && CheckOwner(caller, *tenant).ok() && tenant->completed_cycle == cycle;
}

absl::Status CycleCompletion::CompareNow(Completing* completing) {
  completing->checks.clear();
  completing->verdicts.clear();
  for (const CompletedTable& table : completing->tables) {
    ASSIGN_OR_RETURN(std::optional<TableRecord> record, mirror_.store()->records().ReadTable(table.table));
    std::optional<RangeDigest> own;
    if (record) own = mirror_.cycle().DigestOf(completing->cycle, table.table, record->position);
    Compared compared = Compare(table, record, own, completing->now_ms);
    if (compared.check) completing->checks.push_back(*std::move(compared.check));
    completing->verdicts.push_back(std::move(compared.verdict));
  }
  return absl::OkStatus();
}

absl::Status CycleCompletion::PlanCompletion(const TenantRecord& before, Completing* completing, Plan* plan) {
  const std::int64_t cycle = completing->cycle, now_ms = completing->now_ms;
  RunningCycle& running = mirror_.cycle();
  RETURN_IF_ERROR(running.Load(*mirror_.store()));
  plan->cycle = cycle;
  completing->announced = !before.announced.empty();
  completing->refused = running.RefusalsOf(cycle);
  // A cycle that announced nothing, or whose source is not the trusted one, reports on no table.
  const bool other_source = running.IsNoted(CycleNoteKind::kOtherSource);
  if (completing->announced && !other_source) {
    plan->all_as_of = completing->as_of;
    if (plan->all_as_of) {
      // A source time in the future, from a wrong clock, must not look fresh tomorrow.
      plan->all_as_of->source_ms = std::min(plan->all_as_of->source_ms, now_ms);
      AddStale(&*plan->all_as_of);
    }
  }
  RETURN_IF_ERROR(CompareNow(completing));
  RETURN_IF_ERROR(NoteChecks(completing->checks, &plan->checks));
  TenantRecord& tenant = *plan->tenant;
  CountMiss(cycle, now_ms, tenant);
  completing->paused = tenant.paused ? PauseWords(tenant.paused, tenant.pause_reason) : "";
  completing->first = tenant.completed_ms == 0;
  tenant.completed_cycle = cycle;
  // Only a cycle that told the times of all tables can be followed by heartbeats.
  if (plan->all_as_of) tenant.holder = before.holder;
  // A cycle without an announcement completed nothing.
  if (completing->announced) tenant.completed_ms = now_ms;
  if (completing->announced && !other_source && tenant.source_accepted) {
    ASSIGN_OR_RETURN(tenant.source_accepted, AwaitsProof(*plan));
  }
  if (completing->announced && !other_source) RETURN_IF_ERROR(PlanUnsent(completing, plan));
  const bool own_notes = running.IsNoted(CycleNoteKind::kExchange);
  const bool restored = running.IsNoted(CycleNoteKind::kRestored) && !before.source_accepted;
  if (own_notes || restored) {
    ASSIGN_OR_RETURN(const MirrorFeed feed, ReadFeed(mirror_.store()->records()));
    const MirrorFeed next =
        own_notes ? AtCompletion(feed, before, completing->unsent) : AtRestored(feed, cycle);
    if (next != feed) plan->documents.push_back(Write(next));
  }
  HookNotes notes = mirror_.hooks().OfCompletion(cycle, now_ms, completing->tables);
  if (notes) mirror_.hooks().Set(std::move(notes), plan);
  if (!own_notes && MayWait(mirror_, before, *plan)) plan->kept = Kept::kWithNext;
  return absl::OkStatus();
}

absl::Status CycleCompletion::PlanUnsent(Completing* completing, Plan* plan) {
  RunningCycle& running = mirror_.cycle();
  ASSIGN_OR_RETURN(UnsentTables before, running.LoadUnsent(*mirror_.store()));
  const UnsentTables next = AfterCycle(before, completing->unsent, running.refused(), completing->now_ms);
  if (next == before) return absl::OkStatus();
  completing->unsent_news = NewsOf(before, next);
  plan->documents.push_back(Write(next));
  running.ForgetUnsent();
  return absl::OkStatus();
}

absl::StatusOr<bool> CycleCompletion::AwaitsProof(const Plan& plan) {
  ASSIGN_OR_RETURN(const std::vector<TableRecord> records, mirror_.store()->records().ReadTables());
  ASSIGN_OR_RETURN(const std::vector<TableCheck> checks, mirror_.store()->records().ReadChecks());
  std::set<std::string> awaited;
  for (const TableCheck& check : checks) {
    if (IsUnproven(check)) awaited.insert(FoldName(check.table));
  }
  for (const TableCheck& check : plan.checks) awaited.erase(FoldName(check.table));
  // Tables that the source does not have, and tables that are refused.
  for (const CycleNote& note : mirror_.cycle().notes()) {
    if (note.kind == CycleNoteKind::kUnannounced) awaited.erase(FoldName(note.table));
  }
  for (const std::string& refused : mirror_.cycle().refused()) awaited.erase(refused);
  std::set<std::string> stale;
  if (plan.all_as_of) {
    for (const std::string& name : plan.all_as_of->stale) stale.insert(FoldName(name));
  }
  return std::any_of(records.begin(), records.end(), [&](const TableRecord& record) {
    const std::string key = FoldName(record.table);
    return record.position.lsn.value >= 0 && awaited.contains(key) &&
           (!plan.all_as_of || stale.contains(key));
  });
}

absl::Status CycleCompletion::End(Completing* completing) {
  absl::Status status = mirror_.EndCycle(
      completing->now_ms,
      [&](const TenantRecord& before, Plan* plan)
          MIRROR_REQUIRES(mirror_.mutex()) { return PlanCompletion(before, completing, plan); },
      Intent{.writes_records = !completing->tables.empty()});
  if (status.ok()) Ended(*completing);
  return status;
}

void CycleCompletion::Ended(const Completing& completing) {
  TellEnd(completing);
  if (mirror_.store() != nullptr) ScrubFile(completing.now_ms);
  if (mirror_.store() == nullptr) return;
  mirror_.QuarantineIfDamaged(mirror_.indexes().Follow(*mirror_.store(), completing.now_ms))
      .IgnoreError();  // The cycle is over.
}

void CycleCompletion::TellEnd(const Completing& completing) {
  const std::int64_t cycle = completing.cycle;
  std::size_t changed = 0;
  std::uint64_t inserts = 0, updates = 0, deletes = 0;
  for (const CompletedTable& table : completing.tables) {
    // A table that was only compared did not change.
    if (!table.rows_differ || table.inserts + table.updates + table.deletes > 0) ++changed;
    inserts += table.inserts;
    updates += table.updates;
    deletes += table.deletes;
  }
  for (const TableVerdict& verdict : completing.verdicts) TellVerdict(verdict);
  TellUnsent(completing.unsent_news);
  if (!completing.paused.empty()) {
    mirror_.Tell(Severity::kError, "tenant.paused",
                 absl::StrCat("the tenant was paused: ", completing.paused,
                              ". Find the second source and stop it, then type 'mirrorctl resume ",
                              mirror_.context_id(), "'"));
  }
  const std::string counts = absl::StrCat(Counted(changed, "table"), " changed, ", Counted(inserts, "insert"),
                                          ", ", Counted(updates, "update"), ", ", Counted(deletes, "delete"));
  if (!completing.refused.empty()) {
    TellCycleFailed(mirror_, cycle, completing.refused, absl::StrCat("The other tables: ", counts, "."));
  } else if (!completing.announced) {
    TellUnannounced(cycle);
  } else if (mirror_.seen().ForgetFailure() || inserts + updates + deletes > 0 || completing.first) {
    // A cycle without changes after a good one is no news: its time is known anyway.
    mirror_.Tell(Severity::kInformation, "cycle.completed", absl::StrCat("cycle ", cycle, ": ", counts));
  }
}

void CycleCompletion::TellUnannounced(std::int64_t cycle) {
  const std::optional<std::string> why = mirror_.cycle().WhyUnannounced(cycle);
  TellCycleFailed(mirror_, cycle,
                  absl::StrCat("its source ended it without announcing its tables",
                               why ? ": TableSchema was refused: " : "", why.value_or("")),
                  why ? "Until that is corrected, every cycle ends so."
                      : "TableSchema was refused, or the source could not continue; its agent says why.");
}

void CycleCompletion::TellUnsent(const UnsentNews& news) {
  if (!news.unsent.empty()) {
    mirror_.Tell(Severity::kWarning, "tables.unsent",
                 absl::StrCat("the source could not send ", Counted(news.unsent.size(), "table"), ": ",
                              InWords(news.unsent),
                              ". The mirror keeps the rows that it has of them. 'mirror-agent status' on the "
                              "source's machine says what to correct; 'mirrorctl tables ",
                              mirror_.context_id(), "' lists them"));
  }
  if (news.sent_again.empty()) return;
  mirror_.Tell(Severity::kInformation, "tables.sent_again",
               absl::StrCat("the source no longer reports ", Counted(news.sent_again.size(), "table"),
                            " as unsent: ", ListNames(news.sent_again)));
}

void CycleCompletion::TellVerdict(const TableVerdict& verdict) {
  if (verdict.comparison != Comparison::kDiffers) return;
  mirror_.Tell(Severity::kError, "table.differs",
               absl::StrCat("table '", verdict.table, "': ", verdict.reason,
                            ". The source's agent sends the rows that differ, unless it has 'repair = "
                            "false'; 'mirror-agent verify --repair' sends them at once"));
}

absl::Status CycleCompletion::CompareLater(const std::vector<CompletedTable>& tables, std::int64_t now_ms,
                                           std::vector<TableVerdict>* verdicts) {
  for (std::size_t i = 0; i < tables.size(); ++i) {
    if (!tables[i].digest || (*verdicts)[i].comparison != Comparison::kUnchecked) continue;
    ASSIGN_OR_RETURN(std::optional<Compared> compared, CompareRows(tables[i], now_ms));
    if (!compared) continue;
    (*verdicts)[i] = compared->verdict;
    if (!compared->check) continue;
    // The next cycle may have changed rows since they were counted.
    compared->check->row_count.reset();
    RETURN_IF_ERROR(KeepCheck(*compared, now_ms));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Compared>> CycleCompletion::CompareRows(const CompletedTable& table,
                                                                     std::int64_t now_ms) {
  std::unique_ptr<Snapshot> snapshot;
  {
    const MutexLock lock(mirror_.mutex());
    if (mirror_.store() == nullptr) return std::optional<Compared>();
    ASSIGN_OR_RETURN(snapshot, mirror_.QuarantineIfDamaged(mirror_.store()->OpenSnapshot()));
  }
  ASSIGN_OR_RETURN(const std::optional<TableRecord> record, snapshot->ReadTable(table.table));
  ASSIGN_OR_RETURN(const std::optional<TableSchema> schema, snapshot->ReadSchema(table.table));
  if (!record || !schema) return std::optional<Compared>();
  const TableSchema kept = KeptForm(*schema);
  ASSIGN_OR_RETURN(const std::vector<RangeDigest> own,
                   snapshot->Digest(kept, PlainColumns(kept), {}, kToTheEnd));
  return std::optional(Compare(table, record, own.front(), now_ms));
}

absl::Status CycleCompletion::KeepCheck(const Compared& compared, std::int64_t now_ms) {
  const MutexLock lock(mirror_.mutex());
  if (mirror_.store() == nullptr) return absl::OkStatus();
  Writing writing;
  while (mirror_.Begin(writing)) {
    Plan plan;
    plan.now_ms = now_ms;
    if (absl::Status noted = NoteChecks({*compared.check}, &plan.checks);
        !noted.ok() || plan.checks.empty()) {
      writing.Leave(std::move(noted));
    } else {
      writing.Commit(std::move(plan));
    }
  }
  RETURN_IF_ERROR(mirror_.Finish(writing).status());
  TellVerdict(compared.verdict);
  mirror_.Summarize(Look::kAll);
  return absl::OkStatus();
}

/// A check by digests was requested by an operator.
absl::Status CycleCompletion::NoteChecks(const std::vector<TableCheck>& checks,
                                         std::vector<TableCheck>* written) {
  if (checks.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<TableCheck> known, mirror_.store()->records().ReadChecks());
  for (const TableCheck& check : checks) {
    const auto found = std::find_if(known.begin(), known.end(),
                                    [&](const TableCheck& one) { return SameName(one.table, check.table); });
    if (found != known.end() && !Supersedes(check, *found)) continue;
    written->push_back(check);
    if (found == known.end() || !found->wanted) continue;
    written->back().wanted = check.equality == Equality::kCountEqual;
  }
  return absl::OkStatus();
}

/// Counts a miss of a commit made since the previous miss: two databases feed one mirror in turn.
void CycleCompletion::CountMiss(std::int64_t cycle, std::int64_t now_ms, TenantRecord& tenant) {
  if (!mirror_.cycle().IsNoted(CycleNoteKind::kMiss)) return;
  const bool in_a_row = tenant.missed_cycle != 0 && tenant.missed_cycle == tenant.completed_cycle;
  const bool soon =
      mirror_.options().miss_window_ms > 0 && now_ms - tenant.missed_ms <= mirror_.options().miss_window_ms;
  tenant.missed_cycle = cycle;
  tenant.missed_ms = now_ms;
  if (!in_a_row || !soon || tenant.paused) return;
  tenant.paused = true;
  tenant.pause_reason = kMissPause;
}

void CycleCompletion::AddStale(AllAsOf* as_of) {
  const RunningCycle& running = mirror_.cycle();
  as_of->stale.insert(as_of->stale.end(), running.refused().begin(), running.refused().end());
  for (const CycleNote& note : running.notes()) {
    if (!note.table.empty()) as_of->stale.push_back(note.table);
  }
}

void CycleCompletion::ScrubFile(std::int64_t now_ms) {
  absl::StatusOr<TenantRecord> tenant = mirror_.store()->records().ReadTenant();
  if (!tenant.ok() || !tenant->scrub) return;
  const absl::StatusOr<std::vector<std::string>> awaited = AwaitedTables();
  if (!awaited.ok()) return;
  if (!awaited->empty()) {
    if (!std::exchange(told_unscrubbed_, true)) {
      mirror_.Tell(
          Severity::kWarning, "mirror.not_scrubbed",
          absl::StrCat("the mirror may still have values that column rules keep out or that were erased. "
                       "It is rewritten once all tables are populated. Not populated yet: ",
                       ListNames(*awaited),
                       ". Let the source's next cycle populate them. If a table was refused, correct the "
                       "cause; 'mirrorctl tables ",
                       mirror_.context_id(), "' shows the state of each table"));
    }
    return;
  }
  const absl::StatusOr<std::vector<std::string>> aside = Scrub(now_ms);
  if (aside.ok()) {
    told_unscrubbed_ = false;
    mirror_.Tell(
        Severity::kInformation, "mirror.scrubbed",
        absl::StrCat("the mirror was rewritten without the values that column rules keep out or that were "
                     "erased",
                     aside->empty()
                         ? ""
                         : absl::StrCat(". Tables that were set aside may still have such values, in rows "
                                        "of the partner's or rows that the source does not have: ",
                                        ListNames(*aside), ". Drop those tables when they are not needed")));
  } else {
    mirror_.Tell(
        Severity::kWarning, "mirror.not_scrubbed",
        absl::StrCat("free pages of the mirror, or its log, may still have values that column rules keep "
                     "out or that were erased: ",
                     aside.status().message(), ". The server tries again after the next cycle"));
  }
}

absl::StatusOr<std::vector<std::string>> CycleCompletion::AwaitedTables() {
  ASSIGN_OR_RETURN(const std::vector<TableRecord> tables, mirror_.store()->records().ReadTables());
  ASSIGN_OR_RETURN(const std::vector<SchemaAnswer> answers, mirror_.store()->records().ReadAnswers());
  // After a refused definition the rows are under the old rules, whatever their position is.
  std::set<std::string> refused;
  for (const SchemaAnswer& answer : answers) {
    if (!IsWanted(static_cast<SchemaAction>(answer.action))) refused.insert(FoldName(answer.table));
  }
  std::vector<std::string> awaited;
  for (const TableRecord& table : tables) {
    if (table.position.lsn == Lsn{} || table.state != TableState::kMirrored ||
        refused.contains(FoldName(table.table))) {
      awaited.push_back(table.table);
    }
  }
  return awaited;
}

absl::StatusOr<std::vector<std::string>> CycleCompletion::Scrub(std::int64_t now_ms) {
  Writing forgetting;
  while (mirror_.Begin(forgetting)) forgetting.Commit(PlanForgetting(forgetting.tenant(), now_ms));
  RETURN_IF_ERROR(mirror_.Finish(forgetting).status());
  ASSIGN_OR_RETURN(std::vector<std::string> aside, mirror_.store()->records().SetAside(""));
  RETURN_IF_ERROR(mirror_.store()->upkeep().Scrub());
  Writing writing;
  while (mirror_.Begin(writing)) {
    Plan plan;
    plan.now_ms = now_ms;
    plan.tenant = writing.tenant();
    plan.tenant->scrub = false;
    writing.Commit(std::move(plan));
  }
  RETURN_IF_ERROR(mirror_.Finish(writing).status());
  return aside;
}

absl::StatusOr<std::optional<Plan>> CycleCompletion::PlanForgetting(const TenantRecord& tenant,
                                                                    std::int64_t now_ms) {
  ASSIGN_OR_RETURN(const std::vector<std::string> awaited, AwaitedTables());
  if (!tenant.scrub || !awaited.empty()) {
    return absl::AbortedError("somebody else wrote to the mirror meanwhile");
  }
  // Tables that were set aside still contain the old data.
  Plan forget;
  forget.now_ms = now_ms;
  forget.drop_retired_before_ms = std::numeric_limits<std::int64_t>::max();
  return forget;
}

}  // namespace mirror
