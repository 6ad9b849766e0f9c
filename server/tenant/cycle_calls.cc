#include "server/tenant/cycle_calls.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "proto/wire/refusal.h"
#include "proto/wire/table.h"
#include "server/plan/breaker.h"
#include "server/plan/comparison.h"
#include "server/plan/cycle_check.h"
#include "server/plan/move_mark.h"
#include "server/tenant/mirror/hub_calls.h"

namespace mirror {
namespace {

/// How long values in dropped columns may be counted; the source waits for it.
constexpr std::chrono::seconds kCountDroppedMax{10};

absl::Status CheckUntouched(const TenantRecord& tenant) {
  if (tenant.announced.empty() || !tenant.touched) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "other tables were announced in this cycle and batches of them were applied. Nothing was changed. End "
      "the cycle with ReplicationCompleted and announce the new tables in the next one.");
}

absl::Status NoRepetition() {
  return absl::FailedPreconditionError("the announcement changes something. Nothing was done.");
}

absl::Status OpenToBegin(Mirror& mirror, const Caller& caller, bool probe, std::int64_t now_ms)
    MIRROR_REQUIRES(mirror.mutex()) {
  const bool may_make = !probe && mirror.options().automatic_provisioning;
  absl::Status status = mirror.Open(may_make, now_ms);
  // With may_make, kAborted means that another server has just deleted the mirror.
  if (!absl::IsAborted(status) || may_make) return status;
  // A file that an operator removed is not the end of a cycle.
  absl::Status none = absl::PermissionDeniedError(
      absl::StrCat("tenant '", mirror.context_id(), "' has no mirror here",
                   probe ? " yet" : ", and this endpoint makes no mirrors for new tenants by itself",
                   ". Nothing was done. Ask the mirror's operator."));
  none.SetPayload(kNoMirrorPayload, absl::Cord(caller.context_id));
  return none;
}

void CountDropped(const absl::StatusOr<std::unique_ptr<Snapshot>> snapshot,
                  std::vector<DroppedColumns>* dropped) {
  const auto end = std::chrono::steady_clock::now() + kCountDroppedMax;
  for (DroppedColumns& one : *dropped) {
    if (!snapshot.ok()) return;
    const absl::StatusOr<std::uint64_t> values = CountValues(
        **snapshot, one.table, one.columns, [end] { return std::chrono::steady_clock::now() < end; });
    // The commit meets the same error again.
    if (!values.ok()) return;
    one.values = *values;
  }
}

}  // namespace

absl::StatusOr<Admission> CycleCalls::Authenticate(const Caller& caller, const std::string& holder,
                                                   bool take_over, bool probe, std::int64_t now_ms,
                                                   std::optional<SourceCycles> known) {
  const MutexLock lock(mirror_.mutex());
  Beginning beginning{caller, holder, take_over, probe, now_ms, known};
  absl::Status begun = CommitBeginning(&beginning);
  // Another server deleted the mirror that was open here, or it was lost. Retry: it may be allowed again.
  if (absl::IsAborted(begun) && mirror_.store() == nullptr) begun = CommitBeginning(&beginning);
  if (absl::IsAborted(begun) && mirror_.store() == nullptr) {
    begun =
        absl::UnavailableError(absl::StrCat("the mirror of '", mirror_.context_id(),
                                            "' was deleted meanwhile. No cycle began; the same call again "
                                            "is safe."));
  }
  // The clock is wrong: no source's cycle can begin.
  if (absl::IsUnauthenticated(begun) && !probe) mirror_.seen().NoteFailure(std::string(begun.message()));
  // kAlreadyExists: the nonce was used before.
  if (absl::IsAlreadyExists(begun)) return absl::UnauthenticatedError(begun.message());
  if (!begun.ok()) return begun;
  TellBeginning(beginning);
  if (beginning.admission.accepted) {
    mirror_.Summarize(Look::kTenant);
    mirror_.cycle().Begin();
    mirror_.seen().book().Begin(beginning.admission.cycle, now_ms);
  }
  return std::move(beginning.admission);
}

absl::Status CycleCalls::CommitBeginning(Beginning* beginning) {
  const Caller& caller = beginning->caller;
  RETURN_IF_ERROR(OpenToBegin(mirror_, caller, beginning->probe, beginning->now_ms));
  RETURN_IF_ERROR(MayBegin(caller, beginning->now_ms));
  Writing writing(Intent{.writes_records = false});
  while (mirror_.Begin(writing)) writing.Commit(PlanBeginning(writing.tenant(), beginning));
  return mirror_.Finish(writing).status();
}

/// A caller that is refused anyway takes no lock.
absl::Status CycleCalls::MayBegin(const Caller& caller, std::int64_t now_ms) {
  ASSIGN_OR_RETURN(const TenantRecord tenant, ReadTenantOf(mirror_, now_ms));
  return CheckBeginning(caller, tenant, now_ms);
}

absl::Status CycleCalls::CheckBeginning(const Caller& caller, const TenantRecord& tenant,
                                        std::int64_t now_ms) {
  RETURN_IF_ERROR(CheckOwner(caller, tenant));
  if (const StartMark* const start = mirror_.options().start) {
    RETURN_IF_ERROR(start->CheckToken(caller.issued_s));
  }
  if (caller.expires_ms >= mirror_.progress().Counted(tenant.clock_ms, now_ms)) return absl::OkStatus();
  // Nonces that expired by the highest time ever seen were forgotten: a repetition would go unnoticed.
  return absl::UnauthenticatedError(absl::StrCat(
      "the token expires before the latest time that this mirror has seen (unix ms ", tenant.clock_ms,
      "): the server's clock was ahead, or is behind now. No cycle began. Correct the clock; "
      "'mirrorctl resume ",
      mirror_.context_id(), "' makes the mirror take the present time."));
}

absl::StatusOr<std::optional<Plan>> CycleCalls::PlanBeginning(const TenantRecord& tenant,
                                                              Beginning* beginning) {
  const Caller& caller = beginning->caller;
  Admission& admission = beginning->admission;
  admission = Admission{};
  RETURN_IF_ERROR(CheckBeginning(caller, tenant, beginning->now_ms));
  beginning->created = tenant.issuer.empty();
  beginning->takes_place = tenant.active;
  Plan plan;
  plan.now_ms = beginning->now_ms;
  plan.tenant = tenant;
  if (!caller.nonce.empty()) {
    plan.nonce =
        Nonce{caller.nonce, mirror_.progress().NonceEnds(caller.expires_ms), mirror_.options().nonces_max};
  }
  plan.tenant->clock_ms = mirror_.progress().LatestOf(tenant, beginning->now_ms);
  if (tenant.paused) {
    admission.do_not_replicate = true;
    admission.by = WhoPaused(tenant);
    admission.reason = tenant.pause_reason.empty() ? "the operator paused this tenant"
                                                   : PauseWords(tenant.paused, tenant.pause_reason);
  }
  StartMark* const start = mirror_.options().start;
  // When a move ends, the nonces in the file must be known, too.
  const bool is_moving = MarkOf(tenant).has_value();
  if (!beginning->created && !is_moving && start != nullptr &&
      start->MayWait(caller.issued_s, beginning->now_ms)) {
    plan.kept = Kept::kWithNext;
  }
  if (beginning->probe) return plan;
  plan.tenant->issuer = caller.issuer;
  plan.tenant->environment = caller.environment;
  if (!tenant.paused) RETURN_IF_ERROR(PlanCycle(tenant, beginning, &plan));
  return plan;
}

/// Begins a cycle, unless another one is running.
absl::Status CycleCalls::PlanCycle(const TenantRecord& tenant, Beginning* beginning, Plan* plan) {
  Admission& admission = beginning->admission;
  const std::int64_t now_ms = beginning->now_ms;
  const std::string& holder = beginning->holder;
  const bool idle = mirror_.progress().IsIdle(tenant, now_ms);
  const bool own = beginning->take_over && !holder.empty() && holder == tenant.holder;
  if (tenant.active && !idle && !own) {
    admission.busy = BusyCycle{tenant.cycle, tenant.holder, tenant.since_ms};
    return absl::OkStatus();
  }
  beginning->cut = tenant.active ? tenant.cycle : 0;
  beginning->cut_began_ms = tenant.since_ms;
  beginning->timed_out = idle && !own;
  admission.accepted = true;
  StartMark* const start = mirror_.options().start;
  const std::int64_t given = start == nullptr ? 0 : start->cycles_given();
  admission.cycle = CycleAfter(std::max(tenant.cycle, given), now_ms);
  if (start == nullptr || !start->Covers(admission.cycle, now_ms)) plan->kept = Kept::kNow;
  plan->tenant->cycle = admission.cycle;
  plan->tenant->active = true;
  plan->tenant->holder = holder;
  plan->tenant->since_ms = now_ms;
  plan->tenant->progress_ms = now_ms;
  plan->tenant->announced.clear();
  plan->tenant->touched = false;
  plan->forget_old_cycles = true;
  if (!beginning->known) return absl::OkStatus();
  ASSIGN_OR_RETURN(MirrorFeed feed, ReadFeed(mirror_.store()->records()));
  const MirrorFeed next = AtBegin(feed, *beginning->known, tenant, admission.cycle);
  if (next != feed) {
    // Durable at once: the source may act on the answer, and never repeat what it reported here.
    plan->kept = Kept::kNow;
    plan->documents.push_back(Write(next));
  }
  plan->cycle_notes = {.changes = {.written = {{CycleNoteKind::kExchange}}}};
  return absl::OkStatus();
}

void CycleCalls::TellBeginning(const Beginning& beginning) {
  const Admission& admission = beginning.admission;
  if (beginning.created && !beginning.probe) {
    mirror_.Tell(Severity::kInformation, "tenant.created",
                 absl::StrCat("a mirror was made for issuer '", beginning.caller.issuer, "', environment '",
                              beginning.caller.environment, "'"));
  }
  if (admission.accepted && beginning.cut != 0) {
    mirror_.seen().book().End(beginning.cut, beginning.cut_began_ms, CycleEnd::kInterrupted,
                              beginning.now_ms);
    beginning.timed_out ? TellTimedOut(mirror_, beginning.cut) : TellInterrupted(mirror_, beginning.cut);
  }
  ServerCounters& counters = *mirror_.options().counters;
  if (admission.busy) counters.cycles_busy.Add();
  if (admission.do_not_replicate) counters.cycles_told_not.Add();
  if (!admission.accepted) return;
  counters.cycles_begun.Add();
  if (beginning.takes_place) counters.cycles_interrupted.Add();
}

absl::StatusOr<Announcement> CycleCalls::Announce(const Caller& caller, std::int64_t cycle,
                                                  const std::string& source_id, const std::string& digest,
                                                  const std::vector<AnnouncedTable>& tables,
                                                  std::int64_t now_ms, Announcing announcing) {
  const CycleProgress::SteadyTime began = mirror_.options().steady_now();
  const MutexLock lock(mirror_.mutex());
  ASSIGN_OR_RETURN(TenantRecord running, ReadRunning(mirror_, caller, cycle, now_ms));
  if (running.announced == digest) return Answers(tables, running.source_accepted);
  RETURN_IF_ERROR(CheckUntouched(running));
  const AnnounceRequest request{cycle,  source_id, digest,
                                tables, now_ms,    announcing == Announcing::kRepetition};
  ASSIGN_OR_RETURN(AnnounceView view, mirror_.QuarantineIfDamaged(LookBefore(request, running)));
  // Report partners' columns while they exist: the announcement may require a population.
  mirror_.partner().TellColumns(std::exchange(view.touched, {}));
  Announced announced{caller, request, view};
  ASSIGN_OR_RETURN(const std::optional<Committed> committed, CommitCounted(&announced));
  if (!committed) return Answers(tables, running.source_accepted);

  mirror_.progress().Note(cycle, mirror_.progress().EndOf(now_ms, began));
  KeepTargets(*mirror_.store(), mirror_.options().freshness, mirror_.context_id());
  TellOf(tables);
  const Plan& plan = committed->plan;
  const AnnouncePlan& planned = announced.planned;
  // Tables and columns that indexes need may have appeared or disappeared.
  if (!plan.source_objects.empty() || !plan.steps.empty()) mirror_.indexes().SetDue();
  // Retiring a table settles its holds.
  if (!plan.holds.empty() || !plan.settled_holds.empty() || !planned.retired.empty())
    TellHolds(mirror_, announced.known_holds, plan.holds);
  const std::vector<SchemaAnswer> answers =
      AnswersAfter(planned.answers, planned.step_of, committed->result.steps);
  mirror_.cycle().SetRefused(answers);
  mirror_.agreed().Forget();
  mirror_.cycle().ForgetNotes();
  TellAnnounced(planned, answers, announced.before);
  TellDropped(announced.dropped, *committed);
  return Answers(tables, running.source_accepted, planned.repeats);
}

absl::StatusOr<std::optional<Committed>> CycleCalls::CommitCounted(Announced* announced) {
  absl::StatusOr<std::optional<Committed>> committed = CommitAnnounced(announced);
  if (!committed.ok() || committed->has_value() || announced->dropped.empty()) return committed;
  announced->is_counted = true;
  // Close the snapshot before the commit: it has a lock on the tables that it read.
  CountDropped(mirror_.store()->OpenSnapshot(), &announced->dropped);
  return CommitAnnounced(announced);
}

absl::StatusOr<std::optional<Committed>> CycleCalls::CommitAnnounced(Announced* announced) {
  Writing writing(Intent{.writes_records = !announced->request.is_short});
  while (mirror_.Begin(writing)) writing.Commit(PlanAnnounced(writing.tenant(), announced));
  return mirror_.Finish(writing);
}

absl::StatusOr<std::optional<Plan>> CycleCalls::PlanAnnounced(const TenantRecord& tenant,
                                                              Announced* announced) {
  const AnnounceRequest& request = announced->request;
  AnnouncePlan& planned = announced->planned;
  RETURN_IF_ERROR(CheckCycle(announced->caller, request.cycle, tenant));
  if (tenant.announced == request.digest) return std::optional<Plan>();
  AnnounceView now = announced->view;
  now.tenant = tenant;
  RETURN_IF_ERROR(FillView(request, &now));
  RETURN_IF_ERROR(PlanWithFeed(mirror_, request, now, &planned));
  if (request.is_short && !planned.repeats) return NoRepetition();
  if (!announced->is_counted) {
    announced->dropped = FindDropped(planned.plan.steps);
    if (!announced->dropped.empty()) return std::optional<Plan>();
  }
  announced->before = std::move(now.former);
  announced->known_holds = std::move(now.holds);
  if (planned.plan.answers) mirror_.hooks().AddTables(&planned);
  RETURN_IF_ERROR(KeepExchangeNote(mirror_, &planned.plan));
  return std::move(planned.plan);
}

void CycleCalls::TellDropped(const std::vector<DroppedColumns>& counted, const Committed& committed) {
  for (const DroppedColumns& gone : FindDropped(committed.plan.steps)) {
    const StepResult& step = committed.result.steps[gone.step];
    if (!step.status.ok() || step.otherwise) continue;
    const auto found = std::find_if(counted.begin(), counted.end(), [&](const DroppedColumns& one) {
      return SameName(one.table, gone.table) && one.columns == gone.columns;
    });
    const bool is_known = found != counted.end() && found->values.has_value();
    const bool is_empty = is_known && *found->values == 0;
    mirror_.Tell(is_empty ? Severity::kInformation : Severity::kWarning, "values.dropped",
                 absl::StrCat("table '", gone.table, "': the source has no ",
                              gone.columns.size() == 1 ? "column " : "columns ", ListNames(gone.columns),
                              " any more, and the mirror dropped ", gone.columns.size() == 1 ? "it" : "them",
                              is_known ? absl::StrCat(" with ", Counted(*found->values, "value"))
                                       : std::string("; the values in it were not counted")));
  }
}

absl::StatusOr<LookedAnnouncement> CycleCalls::LookAtAnnouncement(const Caller& caller,
                                                                  const std::string& source_id,
                                                                  const std::vector<AnnouncedTable>& tables,
                                                                  std::int64_t now_ms) {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(mirror_.Open(/*create=*/false, now_ms));
  ASSIGN_OR_RETURN(const TenantRecord tenant, ReadTenantOf(mirror_, now_ms));
  RETURN_IF_ERROR(CheckOwner(caller, tenant));
  const AnnounceRequest request{tenant.cycle, source_id, "", tables, now_ms};
  ASSIGN_OR_RETURN(const AnnounceView view, mirror_.QuarantineIfDamaged(LookBefore(request, tenant)));
  LookedAnnouncement looked;
  Writing writing;
  while (mirror_.Begin(writing)) {
    AnnounceView seen = view;
    seen.tenant = writing.tenant();
    // A running cycle does not prevent a dry run.
    seen.tenant.touched = false;
    absl::Status filled = CheckOwner(caller, writing.tenant());
    if (filled.ok()) filled = FillView(request, &seen);
    if (filled.ok()) looked.planned = PlanAnnouncement(request, seen);
    writing.Leave(std::move(filled));
  }
  RETURN_IF_ERROR(mirror_.Finish(writing).status());
  ASSIGN_OR_RETURN(looked.snapshot, mirror_.QuarantineIfDamaged(mirror_.store()->OpenSnapshot()));
  return looked;
}

/// Reads, before the store's lock is taken, what takes long and is not changed by other writers.
absl::StatusOr<AnnounceView> CycleCalls::LookBefore(const AnnounceRequest& request,
                                                    const TenantRecord& tenant) {
  AnnounceView view;
  view.tenant = tenant;
  view.context_id = mirror_.context_id();
  view.limits = LimitsOf(mirror_.options().breaker, mirror_.context_id(), "");
  view.drop_grace_ms = mirror_.options().drop_grace_ms;
  // The store caches the result, and checks only tables whose definition changed.
  ASSIGN_OR_RETURN(view.touched, mirror_.store()->records().ReadTouchedTables());
  for (const AnnouncedTable& table : request.tables) {
    CheckedTable& checked = view.checked.emplace_back();
    checked.status = table.schema.ok() ? mirror_.store()->CheckTable(*table.schema) : table.schema.status();
    if (!checked.status.ok()) continue;
    checked.hash = SchemaHash(*table.schema);
    // Allowing another source to take over ends the cycle, so this cannot change during it.
    if (!KeepsPartner(*table.schema) || view.IsOtherSource(request)) continue;
    ASSIGN_OR_RETURN(const std::optional<TableRecord> record,
                     mirror_.store()->records().ReadTable(table.name));
    if (record && record->schema_hash == checked.hash) continue;
    ASSIGN_OR_RETURN(const std::optional<TableSchema> agreed,
                     mirror_.store()->records().ReadSchema(table.name));
    if (agreed) continue;
    ASSIGN_OR_RETURN(view.tables[FoldName(table.name)].aside,
                     mirror_.store()->records().SetAside(table.name));
  }
  return view;
}

/// Uses `view.tenant`, and the result of LookBefore().
absl::Status CycleCalls::FillView(const AnnounceRequest& request, AnnounceView* view) {
  RETURN_IF_ERROR(CheckUntouched(view->tenant));
  RETURN_IF_ERROR(mirror_.cycle().Load(*mirror_.store()));
  view->holds = mirror_.cycle().holds();
  ASSIGN_OR_RETURN(view->former, mirror_.store()->records().ReadAnswers());
  if (view->IsOtherSource(request)) return absl::OkStatus();
  ASSIGN_OR_RETURN(view->records, mirror_.store()->records().ReadTables());
  ASSIGN_OR_RETURN(view->there, mirror_.store()->records().AgreedTables());
  ASSIGN_OR_RETURN(view->touched, mirror_.store()->records().ReadTouchedTables());
  ASSIGN_OR_RETURN(view->objects, mirror_.store()->records().ReadSourceObjects());
  return ReadMirrored(request, view);
}

absl::Status CycleCalls::ReadMirrored(const AnnounceRequest& request, AnnounceView* view) {
  const TablesToRead read = FindTablesToRead(request, *view);
  for (const std::string& name : read.unannounced) {
    ASSIGN_OR_RETURN(view->tables[FoldName(name)].agreed, mirror_.store()->records().ReadSchema(name));
  }
  for (const std::size_t number : read.changed) {
    const AnnouncedTable& table = request.tables[number];
    MirroredTable& mirrored = view->tables[FoldName(table.name)];
    ASSIGN_OR_RETURN(mirrored.agreed, mirror_.store()->records().ReadSchema(table.name));
    ASSIGN_OR_RETURN(mirrored.lost, mirror_.store()->records().ReadLostColumns(table.name));
  }
  return absl::OkStatus();
}

void CycleCalls::TellAnnounced(const AnnouncePlan& planned, const std::vector<SchemaAnswer>& answers,
                               const std::vector<SchemaAnswer>& before) {
  for (const SchemaAnswer& answer : answers) {
    // Report it once, not in every cycle with the same answer.
    if (std::find(before.begin(), before.end(), answer) != before.end()) continue;
    const auto action = static_cast<SchemaAction>(answer.action);
    if (action == SchemaAction::kRefused) TellRefusedTable(answer);
    if (action == SchemaAction::kRepopulate) {
      const bool by_hand = planned.by_hand.contains(FoldName(answer.table));
      mirror_.Tell(by_hand ? Severity::kWarning : Severity::kInformation, "table.repopulate",
                   absl::StrCat("table '", answer.table, "'", " is to be populated anew: ", answer.reason));
    }
  }
  if (planned.retired.empty()) return;
  mirror_.Tell(
      Severity::kWarning, "tables.retired",
      absl::StrCat("the source does not announce ", Counted(planned.retired.size(), "table"),
                   " any more: ", ListNames(planned.retired),
                   ". The mirror sets their rows aside and removes them after drop_grace",
                   planned.retires_partner ? "; tables with the partner's rows stay there until 'mirrorctl "
                                             "delete' or the partner drops them"
                                           : ""));
}

absl::StatusOr<Announcement> CycleCalls::Answers(const std::vector<AnnouncedTable>& tables,
                                                 bool source_accepted, bool repeats) {
  // Durable first: after the answers the source forgets data that they make unnecessary.
  RETURN_IF_ERROR(mirror_.QuarantineIfDamaged(mirror_.store()->MakeDurable()));
  StoreRecords& stored = mirror_.store()->records();
  ASSIGN_OR_RETURN(std::vector<SchemaAnswer> kept, mirror_.QuarantineIfDamaged(stored.ReadAnswers()));
  ASSIGN_OR_RETURN(std::vector<TableRecord> records, mirror_.QuarantineIfDamaged(stored.ReadTables()));
  std::map<std::string, const SchemaAnswer*> answer_of;
  for (const SchemaAnswer& answer : kept) answer_of[FoldName(answer.table)] = &answer;
  std::map<std::string, const TableRecord*> record_of;
  for (const TableRecord& record : records) record_of[FoldName(record.table)] = &record;
  ASSIGN_OR_RETURN(std::vector<TableCheck> checks, mirror_.QuarantineIfDamaged(stored.ReadChecks()));
  std::set<std::string> wanted, unproven;
  for (const TableCheck& check : checks) {
    if (check.wanted) wanted.insert(FoldName(check.table));
    if (source_accepted && IsUnproven(check)) unproven.insert(FoldName(check.table));
  }
  Announcement announcement;
  announcement.repeats = repeats;
  RETURN_IF_ERROR(AddHeld(tables, &announcement));
  for (const AnnouncedTable& table : tables) {
    TableAnswer answer;
    answer.table = table.name;
    const std::string key = FoldName(table.name);
    if (const auto found = answer_of.find(key); found != answer_of.end()) {
      answer.action = static_cast<SchemaAction>(found->second->action);
      answer.reason = found->second->reason;
    }
    answer.wanted = IsWanted(answer.action);
    if (const auto found = record_of.find(key); found != record_of.end() && answer.wanted) {
      answer.position = found->second->position;
      answer.pending = found->second->pending;
      answer.schema_hash = found->second->schema_hash;
      answer.row_count = found->second->row_count;
      answer.verify_wanted = wanted.contains(key);
      answer.source_accepted = unproven.contains(key) && answer.position.lsn.value >= 0;
    }
    announcement.tables.push_back(std::move(answer));
  }
  return announcement;
}

absl::Status CycleCalls::AddHeld(const std::vector<AnnouncedTable>& tables, Announcement* announcement) {
  RETURN_IF_ERROR(mirror_.QuarantineIfDamaged(mirror_.cycle().Load(*mirror_.store())));
  const Hold* const hold = FindHold(mirror_.cycle().holds(), HoldKind::kTables, "");
  if (hold == nullptr) return absl::OkStatus();
  std::set<std::string> listed;
  for (const AnnouncedTable& table : tables) listed.insert(FoldName(table.name));
  for (const std::string& name : hold->tables) {
    if (!listed.contains(FoldName(name))) announcement->held_tables.push_back(name);
  }
  if (!announcement->held_tables.empty()) announcement->held_reason = hold->reason;
  return absl::OkStatus();
}

/// An existing table is worse than a missing one: it may contain data that a current rule excludes.
void CycleCalls::TellRefusedTable(const SchemaAnswer& answer) {
  const absl::StatusOr<std::optional<TableRecord>> record =
      mirror_.store()->records().ReadTable(answer.table);
  const bool there = record.ok() && *record;
  mirror_.Tell(
      there ? Severity::kError : Severity::kWarning, "table.refused",
      absl::StrCat(answer.reason, there ? " The mirror keeps the rows that it has, and they stay readable, "
                                          "until the table is accepted again or 'mirrorctl reset' drops it."
                                        : ""));
}

void CycleCalls::TellOf(const std::vector<AnnouncedTable>& tables) {
  TellIdleRules(tables);
  TellNotKept(mirror_, tables);
  mirror_.indexes().TellWrong(tables);
}

/// Reports rules that match no column: a rule with a typing error protects nothing.
void CycleCalls::TellIdleRules(const std::vector<AnnouncedTable>& tables) {
  std::vector<const TableSchema*> schemas;
  for (const AnnouncedTable& table : tables) {
    // A table may be refused because of its rules.
    if (!table.schema.ok()) return;
    schemas.push_back(&*table.schema);
  }
  std::string idle = absl::StrJoin(mirror_.agreed().rules().Idle(schemas), "; ");
  if (idle == told_idle_rules_) return;
  told_idle_rules_ = std::move(idle);
  if (told_idle_rules_.empty()) return;
  mirror_.Tell(Severity::kWarning, "columns.rule_idle",
               absl::StrCat("column rules that match nothing in the source: ", told_idle_rules_,
                            ". They have no effect. Correct them in mirror-server.toml and restart the "
                            "server, or remove them"));
}

void CycleCalls::NoteRefusedAnnouncement(std::int64_t cycle, std::string_view why) {
  const MutexLock lock(mirror_.mutex());
  mirror_.cycle().NoteUnannounced(cycle, why);
}

void CycleCalls::EndIfIdle(std::int64_t now_ms, bool of_others, bool found) {
  // The holder of the lock makes progress.
  if (!mirror_.mutex().try_lock()) return;
  const MutexLock lock(mirror_.mutex(), std::adopt_lock);
  const std::shared_ptr<const TenantSummary> seen = mirror_.seen().Shared();
  const bool seen_idle = of_others && !mirror_.cycle().served() && seen && seen->active &&
                         now_ms - seen->progress_ms > mirror_.options().cycle_idle_ms;
  const bool abandoned = found || seen_idle;
  if (abandoned && !mirror_.Open(false, now_ms).ok()) return;
  if (!(mirror_.cycle().served() || abandoned) || mirror_.store() == nullptr) return;
  absl::StatusOr<TenantRecord> tenant = mirror_.store()->records().ReadTenant();
  if (!tenant.ok() || !tenant->active || !mirror_.progress().IsIdle(*tenant, now_ms)) return;
  if (EndIdleCycle(mirror_, tenant->cycle, now_ms).ok()) TellTimedOut(mirror_, tenant->cycle);
}

void CycleCalls::EndCycle(std::int64_t now_ms) {
  const MutexLock lock(mirror_.mutex());
  if (!mirror_.cycle().served() || !mirror_.Open(false, now_ms).ok()) return;
  absl::StatusOr<TenantRecord> tenant = mirror_.store()->records().ReadTenant();
  if (!tenant.ok() || !tenant->active) return;
  absl::Status status = mirror_.EndCycle(now_ms);
  mirror_.Tell(Severity::kInformation, "cycle.ended",
               status.ok() ? "the server stops: the running cycle is over" : std::string(status.message()));
}

void CycleCalls::TakeBack(std::int64_t cycle, std::int64_t now_ms) {
  const MutexLock lock(mirror_.mutex());
  if (!mirror_.Open(false, now_ms).ok()) return;
  const absl::Status status = mirror_.EndCycle(now_ms, [cycle](const TenantRecord& before, Plan* plan) {
    plan->cycle = cycle;
    return before.active && before.cycle == cycle ? absl::OkStatus()
                                                  : absl::AbortedError("another cycle began");
  });
  if (absl::IsAborted(status)) return;
  mirror_.Tell(Severity::kInformation, "cycle.ended",
               absl::StrCat("cycle ", cycle, " is over: its caller disconnected before it began",
                            status.ok() ? "" : absl::StrCat(". ", status.message())));
}

}  // namespace mirror
