#include "server/tenant/tenant.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/crash_point.h"
#include "base/folded_name.h"
#include "proto/wire/table.h"
#include "server/plan/apply_plan.h"
#include "server/plan/freshness_plan.h"

namespace mirror {
namespace {

constexpr std::size_t kNamesListed = 20;

/// How often a plan is made again because the mirror changed under it.
constexpr int kPlanAttemptsMax = 3;
constexpr std::chrono::milliseconds kGapLookInterval{50};

std::string Quoted(const std::string& table) { return absl::StrCat("table '", table, "'"); }

absl::Status CycleOver(std::int64_t cycle, const std::string& why) {
  return absl::AbortedError(
      absl::StrCat("cycle ", cycle, " is over", why,
                   ". Nothing of this call was applied; what was committed before stays. Begin a "
                   "new cycle with Authenticate."));
}

absl::Status ChangedAgainAndAgain(const std::string& context_id) {
  return absl::UnavailableError(
      absl::StrCat("the mirror of '", context_id,
                   "' was changed by hand again and again while this call was being "
                   "applied. Nothing was applied; the same call again is safe."));
}

std::string Counted(std::size_t count, const std::string& thing) {
  return absl::StrCat(count, " ", thing, count == 1 ? "" : "s");
}

const char* InWords(PopulateReason reason) {
  switch (reason) {
    case PopulateReason::kNone:
      break;
    case PopulateReason::kRequested:
      return "somebody asked for it at the source";
    case PopulateReason::kMinusOne:
      return "the mirror's LSN was -1";
    case PopulateReason::kAhead:
      return "the mirror was ahead of the source, which was restored";
    case PopulateReason::kLineageMiss:
      return "the source does not know the mirror's position: it was restored and changed since";
    case PopulateReason::kPendingMiss:
      return "the source does not know where an interrupted cycle was going: it was restored meanwhile";
    case PopulateReason::kHistoryGone:
      return "the source's log no longer reaches back to the mirror's LSN";
    case PopulateReason::kSchema:
      return "its definition changed";
    case PopulateReason::kKeyless:
      return "it has no key, and its rows changed";
  }
  return "the source gave no reason";
}

bool IsRestore(PopulateReason reason) {
  return reason == PopulateReason::kAhead || reason == PopulateReason::kLineageMiss ||
         reason == PopulateReason::kPendingMiss;
}

}  // namespace

Tenant::Tenant(std::string context_id, OpenStore open, const TenantOptions& options, Events& events,
               std::function<void(Tenant&)> make_room)
    : context_id_(std::move(context_id)),
      keeps_receipts_(KeepsReceipts(options.receipts, context_id_)),
      open_(std::move(open)),
      options_(options),
      rules_(options.columns, options.hash_secret, context_id_),
      events_(events),
      make_room_(std::move(make_room)) {}

absl::Status Tenant::Open(bool create, std::int64_t now_ms, Trust trust) {
  if (retired_) {
    return absl::PermissionDeniedError(absl::StrCat(
        "tenant '", context_id_, "' is not mirrored here. Nothing was done. Ask the mirror's operator."));
  }
  if (!quarantine_.empty()) return absl::DataLossError(quarantine_);
  if (store_ && store_->Replaced()) {
    const bool built = store_->IsDurable();
    store_.reset();
    is_open_ = false;
    replaced_ = true;
    if (built) {
      events_.Add(context_id_, Severity::kWarning, "mirror.replaced",
                  "the mirror file, or its log, was replaced or removed while it was open; the running cycle "
                  "is over, and the next one starts from what is there now");
    } else {
      events_.Add(context_id_, Severity::kWarning, "mirror.not_built",
                  "the new mirror could not be built: its rows are lost and its cycle is over; the next one "
                  "populates it");
    }
  }
  if (store_) return replaced_ ? EndCycleInNewFile(now_ms) : absl::OkStatus();
  ForgetAgreed();
  refused_tables_.reset();
  notes_.reset();
  holds_.reset();
  indexes_due_ = true;
  absl::StatusOr<std::unique_ptr<Store>> store = open_(create);
  if (absl::IsNotFound(store.status())) {
    return absl::AbortedError(
        absl::StrCat("the mirror file of '", context_id_,
                     "' is gone. Nothing was applied. Begin a new cycle with Authenticate."));
  }
  // What stands there is no mirror of this tenant's, or one of a later version.
  if (absl::IsFailedPrecondition(store.status())) TellUnavailable(store.status());
  if (!store.ok()) return Noticed(store.status());
  if (std::string why = (*store)->Quarantined(); trust == Trust::kNeeded && !why.empty()) {
    quarantine_ = std::move(why);
    Summarize(Look::kTenant);
    return absl::DataLossError(quarantine_);
  }
  store_ = *std::move(store);
  is_open_ = true;
  make_room_(*this);
  KeepTargets();
  Summarize(Look::kAll);
  return replaced_ ? EndCycleInNewFile(now_ms) : absl::OkStatus();
}

/// The same in an operator's words: a file that is gone is no cycle's end.
absl::Status Tenant::OpenForOperator(std::int64_t now_ms, Trust trust) {
  absl::Status status = Open(false, now_ms, trust);
  if (!absl::IsAborted(status)) return status;
  return absl::NotFoundError(absl::StrCat(
      "the mirror file of '", context_id_,
      "' is gone from the data folder. Nothing was done. Put a backup in its place, or let the source's next "
      "cycle make it anew (with automatic_provisioning); 'mirrorctl delete ",
      context_id_, " --confirm ", context_id_, "' forgets it."));
}

/// The file may be a copy from the middle of the very cycle that runs: that cycle must not go on in it.
absl::Status Tenant::EndCycleInNewFile(std::int64_t now_ms) {
  absl::Status status = EndCycleLocked(now_ms);
  replaced_ = !status.ok();
  return status;
}

/// Remembers that a database is damaged: it takes nothing more until an operator acts.
absl::Status Tenant::Noticed(absl::Status status) {
  // A statement of the store's own may have failed since somebody dropped the table that it is about.
  if (absl::IsFailedPrecondition(status) && store_) {
    if (absl::Status own = store_->CheckOwnTables(); absl::IsDataLoss(own)) status = own;
  }
  if (absl::IsDataLoss(status) && quarantine_.empty()) {
    quarantine_ = absl::StrCat(
        "the mirror file of '", context_id_, "' is damaged: ", status.message(),
        ". It takes nothing more. 'mirrorctl restore ", context_id_, " FILE --confirm ", context_id_,
        "' puts a backup in its place, 'mirrorctl reset ", context_id_, " --all --confirm ", context_id_,
        "' sets it aside and lets the next cycle populate a new one; after a "
        "repair by hand 'mirrorctl resume ",
        context_id_, "'.");
    // What cannot be opened is met again by whoever opens it.
    const absl::Status noted = store_ ? store_->Quarantine(quarantine_) : absl::OkStatus();
    store_.reset();
    is_open_ = false;
    events_.Add(context_id_, Severity::kError, "mirror.damaged",
                noted.ok() ? quarantine_
                           : absl::StrCat(quarantine_, " A restart of the server would forget this: ",
                                          std::string(noted.message())));
    Summarize(Look::kTenant);
    return absl::DataLossError(quarantine_);
  }
  if (absl::IsUnavailable(status)) TellUnavailable(status);
  return status;
}

absl::Status Tenant::CheckOwner(const Caller& caller, const TenantRecord& tenant) const {
  if (tenant.issuer.empty()) return absl::OkStatus();
  if (tenant.issuer == caller.issuer && tenant.environment == caller.environment) return absl::OkStatus();
  return absl::PermissionDeniedError(
      "the tenant belongs to another issuer or environment. Nothing was done. Sign with a key of the one "
      "that it "
      "belongs to, or ask the mirror's operator.");
}

absl::StatusOr<TenantRecord> Tenant::Running(const Caller& caller, std::int64_t cycle, std::int64_t now_ms) {
  if (absl::Status status = Open(false, now_ms); !status.ok()) return status;
  absl::StatusOr<TenantRecord> tenant = store_->ReadTenant();
  if (!tenant.ok()) return Noticed(tenant.status());
  if (absl::Status status = CheckRunning(caller, cycle, now_ms, *tenant); !status.ok()) return status;
  return tenant;
}

absl::Status Tenant::CheckRunning(const Caller& caller, std::int64_t cycle, std::int64_t now_ms,
                                  const TenantRecord& tenant) {
  if (absl::Status status = CheckOwner(caller, tenant); !status.ok()) return status;
  if (!tenant.active || tenant.cycle != cycle) {
    return CycleOver(cycle, tenant.active ? absl::StrCat(": cycle ", tenant.cycle, " took its place") : "");
  }
  if (IsIdle(tenant, now_ms)) {
    if (absl::Status status = EndCycleLocked(now_ms); !status.ok()) return status;
    TellTimedOut(cycle);
    return CycleOver(cycle, absl::StrCat(": it made no progress for ", options_.cycle_idle_ms / 1'000, " s"));
  }
  served_cycle_ = true;
  owner_ = tenant;
  return absl::OkStatus();
}

bool Tenant::IsIdle(const TenantRecord& tenant, std::int64_t now_ms) const {
  // What was noted of another cycle says nothing of one in a copy that was put there since.
  const std::int64_t noted_ms = tenant.cycle == progressed_cycle_ ? progressed_ms_ : 0;
  return now_ms - std::max(tenant.progress_ms, noted_ms) > options_.cycle_idle_ms;
}

void Tenant::Progressed(std::int64_t cycle, std::int64_t now_ms, SteadyTime began) {
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(options_.steady_now() - began);
  progressed_cycle_ = cycle;
  progressed_ms_ = now_ms + took.count();
  seen_progress_ms_.store(progressed_ms_, std::memory_order_relaxed);
}

absl::StatusOr<CommitResult> Tenant::CommitPlanned(const Planner& planner) {
  for (int attempt = 0; attempt < kPlanAttemptsMax; ++attempt) {
    absl::StatusOr<Plan> plan = planner();
    if (!plan.ok()) return Noticed(plan.status());
    absl::StatusOr<CommitResult> result = store_->Commit(*plan);
    if (!result.ok()) return Noticed(result.status());
    if (!result->stale) {
      told_unavailable_.clear();
      HooksKept(*plan, *result);
      return result;
    }
  }
  return ChangedAgainAndAgain(context_id_);
}

absl::Status Tenant::EndCycleLocked(std::int64_t now_ms, const CycleEnd& end) {
  TenantRecord before, ended;
  absl::StatusOr<CommitResult> result = CommitPlanned([&]() MIRROR_REQUIRES(mutex_) -> absl::StatusOr<Plan> {
    absl::StatusOr<TenantRecord> tenant = store_->ReadTenant();
    if (!tenant.ok()) return tenant.status();
    before = *tenant;
    Plan plan;
    plan.now_ms = now_ms;
    plan.forget_losses_before_ms = now_ms - options_.breaker.limits.window_ms;
    plan.tenant_expected = *tenant;
    plan.tenant = *tenant;
    plan.tenant->cycle = tenant->cycle + 1;
    plan.tenant->active = false;
    plan.tenant->holder.clear();
    plan.tenant->announced.clear();
    if (end.change) end.change(*plan.tenant);
    ended = *plan.tenant;
    plan.steps = end.steps;
    plan.checks = end.checks;
    plan.holds = end.holds;
    plan.settled_holds = end.settled_holds;
    plan.all_as_of = end.as_of;
    plan.forget_old_cycles = true;
    if (end.hooks) SetHooks(end.hooks, &plan);
    return plan;
  });
  if (!result.ok()) return result.status();
  owner_ = ended;
  const bool completed = ended.completed_cycle != before.completed_cycle;
  if (completed) options_.counters->cycles_completed.Add();
  if (!completed && before.active) options_.counters->cycles_interrupted.Add();
  Summarize(Look::kAll);
  served_cycle_ = false;
  refused_tables_.reset();
  notes_.reset();
  for (const StepResult& step : result->steps) {
    if (!step.status.ok()) return step.status;
  }
  return absl::OkStatus();
}

absl::StatusOr<Admission> Tenant::Authenticate(const Caller& caller, const std::string& holder,
                                               bool take_over, bool probe, std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  if (absl::Status status = Open(!probe && options_.automatic_provisioning, now_ms); !status.ok()) {
    // A file that an operator took away is no cycle's fault.
    if (absl::IsAborted(status)) {
      return absl::PermissionDeniedError(absl::StrCat("tenant '", context_id_, "' has no mirror here",
                                                      probe ? " yet"
                                                            : ", and this endpoint takes in no "
                                                              "tenants by itself",
                                                      ". Nothing was done. Ask the mirror's operator."));
    }
    return status;
  }
  Admission admission;
  bool created = false, takes_place = false;
  std::int64_t cut = 0;  // A cycle that this one takes the place of.
  bool timed_out = false;
  absl::StatusOr<CommitResult> result = CommitPlanned([&]() MIRROR_REQUIRES(mutex_) -> absl::StatusOr<Plan> {
    admission = Admission{};
    absl::StatusOr<TenantRecord> tenant = store_->ReadTenant();
    if (!tenant.ok()) return tenant.status();
    if (absl::Status status = CheckOwner(caller, *tenant); !status.ok()) return status;
    // What expired by the highest time ever seen was forgotten: it cannot be told from a repetition.
    if (caller.expires_ms < tenant->clock_ms) {
      return absl::UnauthenticatedError(absl::StrCat(
          "the token ends before the latest time that this mirror has seen (unix ms ", tenant->clock_ms,
          "): the server's clock was ahead, or is behind now. No cycle began. Set the clock right; "
          "'mirrorctl resume ",
          context_id_, "' makes the mirror take the present time."));
    }
    created = tenant->issuer.empty();
    takes_place = tenant->active;
    Plan plan;
    plan.now_ms = now_ms;
    plan.tenant_expected = *tenant;
    plan.tenant = *tenant;
    if (!caller.nonce.empty()) plan.nonce = Nonce{caller.nonce, caller.expires_ms, options_.nonces_max};
    plan.tenant->clock_ms = std::max(tenant->clock_ms, now_ms);
    if (tenant->paused) {
      admission.do_not_replicate = true;
      admission.by = WhoPaused(*tenant);
      admission.reason =
          tenant->pause_reason.empty() ? "the operator paused this tenant" : tenant->pause_reason;
    }
    if (probe) return plan;
    plan.tenant->issuer = caller.issuer;
    plan.tenant->environment = caller.environment;
    if (tenant->paused) return plan;
    const bool idle = IsIdle(*tenant, now_ms);
    const bool own = take_over && !holder.empty() && holder == tenant->holder;
    if (tenant->active && !idle && !own) {
      admission.busy = BusyCycle{tenant->cycle, tenant->holder, tenant->since_ms};
      return plan;
    }
    cut = tenant->active ? tenant->cycle : 0;
    timed_out = idle && !own;
    admission.accepted = true;
    admission.cycle = std::max(tenant->cycle + 1, now_ms);
    plan.tenant->cycle = admission.cycle;
    plan.tenant->active = true;
    plan.tenant->holder = holder;
    plan.tenant->since_ms = now_ms;
    plan.tenant->progress_ms = now_ms;
    plan.tenant->announced.clear();
    plan.tenant->touched = false;
    plan.forget_old_cycles = true;
    return plan;
  });
  // By the clock: no source's cycle can begin.
  if (absl::IsUnauthenticated(result.status()) && !probe) NoteFailure(std::string(result.status().message()));
  // A nonce that was seen before.
  if (absl::IsAlreadyExists(result.status())) return absl::UnauthenticatedError(result.status().message());
  if (!result.ok()) return result.status();
  if (created && !probe) {
    events_.Add(context_id_, Severity::kInformation, "tenant.created",
                absl::StrCat("a mirror was made for issuer '", caller.issuer, "', environment '",
                             caller.environment, "'"));
  }
  if (admission.accepted && cut != 0) timed_out ? TellTimedOut(cut) : TellInterrupted(cut);
  ServerCounters& counters = *options_.counters;
  if (admission.busy) counters.cycles_busy.Add();
  if (admission.do_not_replicate) counters.cycles_told_not.Add();
  if (admission.accepted) {
    counters.cycles_begun.Add();
    if (takes_place) counters.cycles_interrupted.Add();
    Summarize(Look::kTenant);
    served_cycle_ = true;
    refused_tables_.reset();
    notes_.reset();
  }
  return admission;
}

absl::StatusOr<Announcement> Tenant::Announce(const Caller& caller, std::int64_t cycle,
                                              const std::string& source_id, const std::string& digest,
                                              const std::vector<AnnouncedTable>& tables,
                                              std::int64_t now_ms) {
  const SteadyTime began = options_.steady_now();
  const MutexLock lock(mutex_);
  absl::StatusOr<TenantRecord> running = Running(caller, cycle, now_ms);
  if (!running.ok()) return running.status();
  if (running->announced == digest) return Answers(tables);
  if (!running->announced.empty() && running->touched) {
    return absl::FailedPreconditionError(
        "other tables were announced in this cycle and batches of them were applied. Nothing was changed. "
        "End the "
        "cycle with ReplicationCompleted and announce the new tables in the next one.");
  }

  if (absl::Status status = LoadHolds(); !status.ok()) return status;
  // While they are there: what is announced may call for a population.
  TellPartnerColumns();
  const AnnounceRequest request{cycle, source_id, digest, tables, now_ms};
  AnnouncePlan planned;
  std::vector<SchemaAnswer> before;
  absl::StatusOr<CommitResult> result = CommitPlanned([&]() MIRROR_REQUIRES(mutex_) -> absl::StatusOr<Plan> {
    absl::StatusOr<AnnounceView> view = ViewFor(request);
    if (!view.ok()) return view.status();
    planned = PlanAnnouncement(request, *view);
    before = std::move(view->former);
    if (planned.plan.answers) NoteTables(&planned);
    return planned.plan;
  });
  if (!result.ok()) return result.status();

  Progressed(cycle, now_ms, began);
  KeepTargets();
  TellIdleRules(tables);
  TellWrongObjects(tables);
  const Plan& plan = planned.plan;
  indexes_due_ = indexes_due_ || !plan.source_objects.empty();
  if (!plan.holds.empty() || !plan.settled_holds.empty()) HoldsChanged(plan.holds);
  const std::vector<SchemaAnswer> answers = AnswersAfter(planned.answers, planned.step_of, result->steps);
  refused_tables_.emplace();
  for (const SchemaAnswer& answer : answers) {
    if (!IsWanted(static_cast<SchemaAction>(answer.action))) refused_tables_->insert(FoldName(answer.table));
  }
  ForgetAgreed();
  notes_.reset();
  TellAnnounced(planned, answers, before);
  return Answers(tables);
}

absl::StatusOr<AnnounceView> Tenant::ViewFor(const AnnounceRequest& request) {
  AnnounceView view;
  view.context_id = context_id_;
  view.limits = LimitsOf(options_.breaker, context_id_, "");
  view.drop_grace_ms = options_.drop_grace_ms;
  view.holds = *holds_;
  absl::StatusOr<TenantRecord> tenant = store_->ReadTenant();
  if (!tenant.ok()) return tenant.status();
  view.tenant = *std::move(tenant);
  absl::StatusOr<std::vector<SchemaAnswer>> former = store_->ReadAnswers();
  if (!former.ok()) return former.status();
  view.former = *std::move(former);
  if (view.IsOtherSource(request)) return view;
  for (const AnnouncedTable& table : request.tables) {
    CheckedTable& checked = view.checked.emplace_back();
    checked.status = table.schema.ok() ? store_->CheckTable(*table.schema) : table.schema.status();
    if (checked.status.ok()) checked.hash = SchemaHash(*table.schema);
  }
  absl::StatusOr<std::vector<TableRecord>> records = store_->ReadTables();
  if (!records.ok()) return records.status();
  view.records = *std::move(records);
  absl::StatusOr<std::vector<std::string>> there = store_->AgreedTables();
  if (!there.ok()) return there.status();
  view.there = *std::move(there);
  absl::StatusOr<std::vector<TouchedTable>> touched = store_->ReadTouchedTables();
  if (!touched.ok()) return touched.status();
  view.touched = *std::move(touched);
  absl::StatusOr<std::vector<KeptObjects>> objects = store_->ReadSourceObjects();
  if (!objects.ok()) return objects.status();
  view.objects = *std::move(objects);
  if (absl::Status status = ReadMirrored(request, &view); !status.ok()) return status;
  return view;
}

absl::Status Tenant::ReadMirrored(const AnnounceRequest& request, AnnounceView* view) {
  const TablesToRead read = FindTablesToRead(request, *view);
  for (const std::string& name : read.unannounced) {
    absl::StatusOr<std::optional<TableSchema>> agreed = store_->ReadSchema(name);
    if (!agreed.ok()) return agreed.status();
    view->tables[FoldName(name)].agreed = *std::move(agreed);
  }
  for (const std::size_t number : read.changed) {
    const AnnouncedTable& table = request.tables[number];
    MirroredTable& mirrored = view->tables[FoldName(table.name)];
    absl::StatusOr<std::optional<TableSchema>> agreed = store_->ReadSchema(table.name);
    if (!agreed.ok()) return agreed.status();
    mirrored.agreed = *std::move(agreed);
    absl::StatusOr<std::vector<std::string>> lost = store_->ReadLostColumns(table.name);
    if (!lost.ok()) return lost.status();
    mirrored.lost = *std::move(lost);
    if (mirrored.agreed || !KeepsPartner(*table.schema)) continue;
    absl::StatusOr<std::vector<std::string>> aside = store_->SetAside(table.name);
    if (!aside.ok()) return aside.status();
    mirrored.aside = *std::move(aside);
  }
  return absl::OkStatus();
}

void Tenant::TellAnnounced(const AnnouncePlan& planned, const std::vector<SchemaAnswer>& answers,
                           const std::vector<SchemaAnswer>& before) {
  for (const SchemaAnswer& answer : answers) {
    // Told once, not in every cycle that finds the same.
    if (std::find(before.begin(), before.end(), answer) != before.end()) continue;
    const auto action = static_cast<SchemaAction>(answer.action);
    if (action == SchemaAction::kRefused) TellRefusedTable(answer);
    if (action == SchemaAction::kRepopulate) {
      events_.Add(context_id_, Severity::kInformation, "table.repopulate",
                  absl::StrCat(Quoted(answer.table), " is to be populated anew: ", answer.reason));
    }
  }
  if (planned.retired.empty()) return;
  events_.Add(
      context_id_, Severity::kWarning, "tables.retired",
      absl::StrCat("the source does not announce ", Counted(planned.retired.size(), "table"),
                   " any more: ", ListNames(planned.retired, kNamesListed),
                   ". What the mirror had of them is set aside and removed after drop_grace",
                   planned.retires_partner ? ", but tables with rows that are the partner's, which stay "
                                             "there until 'mirrorctl delete' or the partner drops them"
                                           : ""));
}

absl::StatusOr<Announcement> Tenant::Answers(const std::vector<AnnouncedTable>& tables) {
  absl::StatusOr<std::vector<SchemaAnswer>> kept = store_->ReadAnswers();
  if (!kept.ok()) return Noticed(kept.status());
  absl::StatusOr<std::vector<TableRecord>> records = store_->ReadTables();
  if (!records.ok()) return Noticed(records.status());
  std::map<std::string, const SchemaAnswer*> answer_of;
  for (const SchemaAnswer& answer : *kept) answer_of[FoldName(answer.table)] = &answer;
  std::map<std::string, const TableRecord*> record_of;
  for (const TableRecord& record : *records) record_of[FoldName(record.table)] = &record;
  absl::StatusOr<std::vector<TableCheck>> checks = store_->ReadChecks();
  if (!checks.ok()) return Noticed(checks.status());
  std::set<std::string> wanted;
  for (const TableCheck& check : *checks) {
    if (check.wanted) wanted.insert(FoldName(check.table));
  }
  Announcement announcement;
  std::set<std::string> listed;
  for (const AnnouncedTable& table : tables) listed.insert(FoldName(table.name));
  if (absl::Status status = LoadHolds(); !status.ok()) return status;
  if (const Hold* const hold = FindHold(*holds_, HoldKind::kTables, "")) {
    for (const std::string& name : hold->tables) {
      if (!listed.contains(FoldName(name))) announcement.held_tables.push_back(name);
    }
    if (!announcement.held_tables.empty()) announcement.held_reason = hold->reason;
  }
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
    }
    announcement.tables.push_back(std::move(answer));
  }
  return announcement;
}

absl::Status Tenant::LoadRefused() {
  if (refused_tables_) return absl::OkStatus();
  absl::StatusOr<std::vector<SchemaAnswer>> answers = store_->ReadAnswers();
  if (!answers.ok()) return answers.status();
  refused_tables_.emplace();
  for (const SchemaAnswer& answer : *answers) {
    if (!IsWanted(static_cast<SchemaAction>(answer.action))) refused_tables_->insert(FoldName(answer.table));
  }
  return absl::OkStatus();
}

absl::Status Tenant::LoadNotes() {
  if (notes_) return absl::OkStatus();
  absl::StatusOr<std::vector<CycleNote>> notes = store_->ReadCycleNotes();
  if (!notes.ok()) return notes.status();
  notes_ = *std::move(notes);
  return absl::OkStatus();
}

bool Tenant::IsNoted(CycleNoteKind kind) const {
  return std::any_of(notes_->begin(), notes_->end(),
                     [&](const CycleNote& note) { return note.kind == kind; });
}

absl::StatusOr<AgreedTable> Tenant::Agreed(const Caller& caller, const std::string& table) {
  const std::string key = FoldName(table);
  {
    const MutexLock lock(agreed_mutex_);
    if (const auto found = agreed_.find(key); found != agreed_.end()) return found->second;
  }
  const MutexLock lock(mutex_);
  if (!store_) {
    if (absl::Status status = Open(false, 0); !status.ok()) return status;
  }
  absl::StatusOr<TenantRecord> tenant = store_->ReadTenant();
  if (!tenant.ok()) return Noticed(tenant.status());
  if (absl::Status status = CheckOwner(caller, *tenant); !status.ok()) return status;
  absl::StatusOr<std::optional<TableSchema>> schema = store_->ReadSchema(table);
  if (!schema.ok()) return Noticed(schema.status());
  if (!*schema) return NotAgreed(table);
  TableSchema by_now = **schema;
  if (!rules_.Set(&by_now).ok() || by_now != **schema) {
    return absl::FailedPreconditionError(
        absl::StrCat(Quoted(table),
                     ": this endpoint's rules for its columns changed since it was agreed. Nothing was "
                     "applied. Begin a new cycle; its TableSchema says what is to be done."));
  }
  AgreedTable agreed;
  agreed.hash = SchemaHash(**schema);
  agreed.kept = std::make_shared<const TableSchema>(KeptForm(**schema, &agreed.origin));
  agreed.schema = std::make_shared<const TableSchema>(**std::move(schema));
  const MutexLock agreed_lock(agreed_mutex_);
  agreed_[key] = agreed;
  return agreed;
}

void Tenant::ForgetAgreed() {
  const MutexLock lock(agreed_mutex_);
  agreed_.clear();
}

RowAnswer Tenant::Apply(const Caller& caller, const RowRequest& request, bool wait_for_gaps,
                        std::int64_t now_ms) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(options_.gap_wait_ms);
  while (true) {
    WaitingRows waiting(caller, request, now_ms, options_.steady_now());
    waiting.may_wait = wait_for_gaps && std::chrono::steady_clock::now() < deadline;
    std::uint64_t groups = 0;
    {
      const MutexLock lock(applied_mutex_);
      groups = applied_groups_;
    }
    Queue({&waiting});
    if (!waiting.has_gap) return std::move(waiting.answer);
    const auto look_again = std::chrono::steady_clock::now() + kGapLookInterval;
    const MutexLock lock(applied_mutex_);
    while (applied_groups_ == groups) {
      if (!applied_.WaitUntil(applied_mutex_, look_again)) break;
    }
  }
}

std::vector<RowAnswer> Tenant::ApplyAll(const Caller& caller, const std::vector<const RowRequest*>& requests,
                                        std::int64_t now_ms) {
  std::vector<WaitingRows> waiting;
  waiting.reserve(requests.size());
  std::vector<WaitingRows*> places;
  for (const RowRequest* const request : requests) {
    places.push_back(&waiting.emplace_back(caller, *request, now_ms, options_.steady_now()));
  }
  Queue(places);
  std::vector<RowAnswer> answers;
  for (WaitingRows& one : waiting) answers.push_back(std::move(one.answer));
  return answers;
}

void Tenant::Queue(const std::vector<WaitingRows*>& requests) {
  CommitQueue::Place place(queue_, requests);
  while (place.MustLead()) {
    {
      const MutexLock lock(mutex_);
      const std::vector<WaitingRows*> group = queue_.Take();
      try {
        ApplyGroup(group);
      } catch (const std::bad_alloc&) {
        // The others must not wait for ever, and nothing is known of the transaction.
        store_.reset();
        is_open_ = false;
        for (WaitingRows* const waiting : group) {
          waiting->Answer(absl::ResourceExhaustedError(
              "there is no memory left to apply this. Its outcome is not known; the same call again is safe, "
              "better with smaller batches."));
        }
      }
    }
    queue_.Done();
  }
}

void Tenant::ApplyGroup(const std::vector<WaitingRows*>& group) {
  absl::StatusOr<TenantRecord> tenant = absl::UnknownError("");
  absl::Status status = Open(false, group.front()->now_ms);
  if (status.ok()) {
    tenant = store_->ReadTenant();
    status = tenant.ok() ? absl::OkStatus() : Noticed(tenant.status());
  }
  if (status.ok()) status = Noticed(LoadRefused());
  std::vector<WaitingRows*> running;
  for (WaitingRows* const waiting : group) {
    absl::Status own = status;
    if (own.ok()) own = CheckRunning(waiting->caller, waiting->request.cycle, waiting->now_ms, *tenant);
    if (own.ok()) {
      running.push_back(waiting);
    } else {
      waiting->Answer(own);
      // It may have been an idle cycle's end.
      if (status.ok() && store_) tenant = store_->ReadTenant();
      if (status.ok()) status = store_ ? Noticed(tenant.status()) : own;
    }
  }
  if (running.empty()) return;
  status = CommitGroup(*tenant, running);
  const bool of_one =
      !status.ok() && !absl::IsUnavailable(status) && !absl::IsDataLoss(status) && !absl::IsAborted(status);
  if (of_one && running.size() > 1) {
    // Whatever ended the transaction belongs to one of them, and must not harm the others.
    for (WaitingRows* const waiting : running) {
      if (absl::Status alone = CommitGroup(*tenant, {waiting}); !alone.ok()) waiting->Answer(alone);
    }
  } else if (!status.ok()) {
    for (WaitingRows* const waiting : running) waiting->Answer(status);
  }
  {
    const MutexLock lock(applied_mutex_);
    ++applied_groups_;
  }
  applied_.NotifyAll();
}

/// All of `group` belong to the cycle that runs by `tenant`. An error is that of the whole transaction; who
/// has his answer by then keeps it.
absl::Status Tenant::CommitGroup(const TenantRecord& tenant, const std::vector<WaitingRows*>& group) {
  if (!store_) return absl::DataLossError(quarantine_);  // It showed with one of the others.
  if (absl::Status status = LoadHolds(); !status.ok()) return status;
  // An idle cycle's end, found by another of the group, has forgotten them.
  if (absl::Status status = LoadRefused(); !status.ok()) return Noticed(status);
  if (absl::Status status = LoadNotes(); !status.ok()) return Noticed(status);
  for (const WaitingRows* const waiting : group) {
    for (const IncomingBatch& batch : waiting->request.batches) {
      if (batch.seq != 1 || !batch.batch.ok() || batch.batch->populate == PopulateReason::kNone) continue;
      TellPartnerRows(tenant.cycle, batch.table, "The population that began now takes");
    }
  }
  std::optional<RowPlanner> planner;
  bool notes_changed = false;
  std::vector<WaitingRows*> planned;
  CommitResult result{.stale = true};
  std::optional<std::vector<Hold>> changed_holds;
  std::int64_t now_ms = 0;
  for (const WaitingRows* const waiting : group) now_ms = std::max(now_ms, waiting->now_ms);
  for (int attempt = 0; result.stale; ++attempt) {
    if (attempt == kPlanAttemptsMax) return ChangedAgainAndAgain(context_id_);
    planner.emplace(*store_,
                    RowPlanner::Cycle{tenant.cycle, !tenant.announced.empty(), *refused_tables_, context_id_,
                                      &options_.breaker, &*holds_, now_ms, tenant.missed_cycle},
                    RefusedOf(*notes_));
    planned.clear();
    Plan plan;
    plan.cycle = tenant.cycle;
    for (WaitingRows* const waiting : group) {
      const absl::StatusOr<bool> added = planner->Add(waiting->request, waiting->may_wait);
      if (!added.ok()) return Noticed(added.status());
      waiting->has_gap = !*added;
      if (*added) planned.push_back(waiting);
      plan.now_ms = std::max(plan.now_ms, waiting->now_ms);
    }
    if (planned.empty()) return absl::OkStatus();
    plan.steps = planner->TakeSteps();
    NoteWiped(&plan);
    plan.holds = planner->TakeHolds();
    plan.cycle_notes = [&](const std::vector<StepResult>& steps) {
      CycleNoteChanges changes = planner->NotesOf(steps);
      notes_changed = changes != CycleNoteChanges{};
      return changes;
    };
    const auto begin = std::chrono::steady_clock::now();
    absl::StatusOr<CommitResult> committed = store_->Commit(plan);
    if (!committed.ok()) return Noticed(committed.status());
    options_.counters->commits.Note(std::chrono::steady_clock::now() - begin);
    result = *std::move(committed);
    told_unavailable_.clear();
    if (!result.stale) HooksKept(plan, result);
    if (!result.stale) NoteTimes(plan.steps, result.steps);
    bool settles = false;
    for (std::size_t i = 0; !result.stale && i < plan.steps.size(); ++i) {
      const std::vector<Action>& actions = plan.steps[i].actions;
      indexes_due_ = indexes_due_ || std::any_of(actions.begin(), actions.end(), [](const Action& action) {
                       return std::holds_alternative<SwapShadow>(action);
                     });
      settles = settles || (plan.steps[i].settles_holds && result.steps[i].status.ok());
    }
    if (!result.stale && (settles || !plan.holds.empty())) changed_holds = plan.holds;
  }
  CrashPoint("apply.committed");
  if (notes_changed) notes_.reset();
  std::vector<std::pair<std::string, std::string>> left_out;
  if (absl::Status status = planner->Settle(result.steps, &left_out); !status.ok()) return Noticed(status);
  std::vector<Hold> late = planner->TakeLateHolds();
  const absl::Status kept = KeepLateHolds(group.front()->now_ms, late);
  if (kept.ok() && !late.empty()) {
    if (!changed_holds) changed_holds.emplace();
    changed_holds->insert(changed_holds->end(), late.begin(), late.end());
  }
  // The planner looks at the known ones until here; with those, what is told already is not told again.
  if (changed_holds) HoldsChanged(*changed_holds);
  if (!kept.ok()) return kept;
  for (const auto& [table, index] : left_out) {
    events_.Add(context_id_, Severity::kWarning, "index.left_out",
                absl::StrCat("index '", index, "' of ", Quoted(table),
                             " does not fit the new rows and was left out"));
  }
  std::int64_t progressed = 0;
  for (std::size_t i = 0; i < planned.size(); ++i) {
    if (!store_) return absl::DataLossError(quarantine_);
    planned[i]->Answer(AnswerOf(*planned[i], i, *planner));
    options_.counters->requests.Note(std::chrono::steady_clock::now() - planned[i]->began);
    options_.counters->row_bytes.Add(planned[i]->request.bytes);
    Progressed(tenant.cycle, planned[i]->now_ms, planned[i]->began);
    progressed = std::max(progressed, progressed_ms_);
  }
  if (!planned.empty()) progressed_ms_ = progressed;
  return absl::OkStatus();
}

RowAnswer Tenant::AnswerOf(const WaitingRows& waiting, std::size_t number, RowPlanner& planner) {
  const RowRequest& request = waiting.request;
  std::vector<BatchOutcome>& outcomes = planner.outcomes(number);
  // A part that was stored is not worth an answer.
  std::vector<BatchOutcome> answered;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    BatchOutcome& outcome = outcomes[i];
    if (i < request.parts.size()) {
      if (!outcome.status.ok()) answered.push_back(std::move(outcome));
      continue;
    }
    const std::string key = FoldName(outcome.table);
    if (outcome.more_missing) {
      absl::StatusOr<CommitResult> stopped =
          CommitPlanned([&]() MIRROR_REQUIRES(mutex_) -> absl::StatusOr<Plan> {
            Plan plan;
            plan.cycle = request.cycle;
            plan.now_ms = waiting.now_ms;
            absl::StatusOr<std::optional<TableRecord>> record = store_->ReadTable(outcome.table);
            if (!record.ok()) return record.status();
            if (*record) plan.steps.push_back(PlanStop(request.cycle, **record));
            return plan;
          });
      if (!stopped.ok()) return stopped.status();
      events_.Add(context_id_, Severity::kWarning, "table.rows_missing",
                  std::string(outcome.status.message()));
    }
    const absl::StatusOr<RowPlanner::Standing> standing = planner.StandingAfter(number, i);
    if (!standing.ok()) return Noticed(standing.status());
    outcome.applied_seq = standing->cycle == request.cycle ? standing->seq : 0;
    outcome.lsn = standing->lsn;
    outcome.durable = outcome.status.ok() && store_->IsDurable();
    // Only of tables that there are: invented names must not pile up.
    if (outcome.seq != 0 && standing->there) {
      if (outcome.status.ok()) {
        if (!outcome.repeated) refusals_.erase(key);
      } else if (!absl::IsAborted(outcome.status)) {
        NoteRefusal(request.cycle, outcome);
      }
    }
    const std::size_t batch = i - request.parts.size();
    CountBatch(request, batch, outcome);
    if (batch < request.batches.size() && outcome.status.ok() && !outcome.repeated && outcome.seq == 1) {
      AddPopulateEvent(outcome.table, outcome.populate);
    }
    answered.push_back(std::move(outcome));
  }
  return answered;
}

/// What is there already is worse than nothing: it may hold what a rule of now is to keep out.
void Tenant::TellRefusedTable(const SchemaAnswer& answer) {
  const absl::StatusOr<std::optional<TableRecord>> record = store_->ReadTable(answer.table);
  const bool there = record.ok() && *record;
  events_.Add(
      context_id_, there ? Severity::kError : Severity::kWarning, "table.refused",
      absl::StrCat(answer.reason, there ? " What the mirror has of it stays as it was, readable, until "
                                          "the table is taken again or 'mirrorctl reset' drops it."
                                        : ""));
}

/// A rule with a typing error keeps nothing out.
void Tenant::TellIdleRules(const std::vector<AnnouncedTable>& tables) {
  std::vector<const TableSchema*> schemas;
  for (const AnnouncedTable& table : tables) {
    // One that is refused may be so because of its rules.
    if (!table.schema.ok()) return;
    schemas.push_back(&*table.schema);
  }
  std::string idle = absl::StrJoin(rules_.Idle(schemas), "; ");
  if (idle == told_idle_rules_) return;
  told_idle_rules_ = std::move(idle);
  if (told_idle_rules_.empty()) return;
  events_.Add(
      context_id_, Severity::kWarning, "columns.rule_idle",
      absl::StrCat("rules of columns that mean nothing the source has: ", told_idle_rules_,
                   ". Nothing is kept out by them. Correct them in mirror-server.toml and restart the "
                   "server, or remove them"));
}

void Tenant::AddPopulateEvent(const std::string& table, PopulateReason reason) {
  if (reason == PopulateReason::kNone) return;
  events_.Add(context_id_, IsRestore(reason) ? Severity::kWarning : Severity::kInformation,
              IsRestore(reason) ? "source.restored" : "table.populating",
              absl::StrCat(Quoted(table), " is being populated anew: ", InWords(reason)));
}

absl::StatusOr<BatchOutcome> Tenant::Wipe(const Caller& caller, std::int64_t cycle, const std::string& table,
                                          const Position& target, PopulateReason reason,
                                          std::int64_t now_ms) {
  const SteadyTime began = options_.steady_now();
  absl::StatusOr<AgreedTable> agreed = Agreed(caller, table);
  const MutexLock lock(mutex_);
  absl::StatusOr<TenantRecord> running = Running(caller, cycle, now_ms);
  if (!running.ok()) return running.status();
  if (absl::Status status = LoadRefused(); !status.ok()) return Noticed(status);
  BatchOutcome outcome{.table = table, .seq = 1};
  if (agreed.ok() && (running->announced.empty() || refused_tables_->contains(FoldName(table)))) {
    agreed = NotAgreed(table);
  }
  if (!agreed.ok()) {
    outcome.status = agreed.status();
    return outcome;
  }
  absl::StatusOr<CommitResult> result = CommitPlanned([&]() MIRROR_REQUIRES(mutex_) -> absl::StatusOr<Plan> {
    absl::StatusOr<std::optional<TableRecord>> record = store_->ReadTable(table);
    if (!record.ok()) return record.status();
    BatchPlan planned = PlanWipe(cycle, *record, *agreed->schema, target, keeps_receipts_);
    outcome.repeated = planned.verdict == BatchPlan::Verdict::kRepeated;
    outcome.status = std::move(planned.status);
    Plan plan;
    plan.cycle = cycle;
    plan.now_ms = now_ms;
    if (planned.verdict == BatchPlan::Verdict::kApply) plan.steps.push_back(std::move(planned.step));
    NoteWiped(&plan);
    return plan;
  });
  if (!result.ok()) return result.status();
  if (!result->steps.empty()) outcome.status = result->steps.front().status;
  Progressed(cycle, now_ms, began);
  absl::StatusOr<std::optional<TableRecord>> record = store_->ReadTable(table);
  if (!record.ok()) return Noticed(record.status());
  if (*record) {
    outcome.applied_seq = (*record)->cycle == cycle ? (*record)->seq : 0;
    outcome.lsn = (*record)->position.lsn;
  }
  outcome.durable = outcome.status.ok() && store_->IsDurable();
  if (outcome.status.ok() && !outcome.repeated) AddPopulateEvent(table, reason);
  return outcome;
}

absl::StatusOr<TenantInfo> Tenant::Info() {
  const MutexLock lock(mutex_);
  TenantInfo info;
  info.record.context_id = context_id_;
  if (absl::Status status = OpenForOperator(0); !status.ok()) {
    if (absl::IsNotFound(status)) return status;
    info.quarantine = std::string(status.message());
    return info;
  }
  absl::StatusOr<TenantRecord> tenant = store_->ReadTenant();
  if (!tenant.ok()) return Noticed(tenant.status());
  info.record = *std::move(tenant);
  absl::StatusOr<std::vector<TableRecord>> records = store_->ReadTables();
  if (!records.ok()) return Noticed(records.status());
  info.tables = static_cast<std::uint32_t>(records->size());
  info.tables_unpopulated = static_cast<std::uint32_t>(std::count_if(
      records->begin(), records->end(), [](const TableRecord& r) { return r.position.lsn == Lsn{}; }));
  info.bytes = store_->BytesOnDisk();
  if (absl::Status status = LoadHolds(); !status.ok()) return status;
  for (const Hold& hold : *holds_) {
    if (hold.state == HoldState::kWaiting) ++info.holds;
    if (hold.kind == HoldKind::kSource && hold.state == HoldState::kWaiting) {
      info.waiting_source = hold.source_id;
    }
  }
  return info;
}

absl::StatusOr<std::vector<TableInfo>> Tenant::Tables() {
  const MutexLock lock(mutex_);
  if (absl::Status status = OpenForOperator(0); !status.ok()) return status;
  absl::StatusOr<std::vector<TableRecord>> records = store_->ReadTables();
  if (!records.ok()) return Noticed(records.status());
  absl::StatusOr<std::vector<TableCheck>> checks = store_->ReadChecks();
  if (!checks.ok()) return Noticed(checks.status());
  const absl::StatusOr<Freshness> freshness = store_->ReadFreshness();
  if (!freshness.ok()) return Noticed(freshness.status());
  std::map<std::string, TableCheck> check_of;
  for (TableCheck& check : *checks) check_of[FoldName(check.table)] = std::move(check);
  if (absl::Status status = LoadHolds(); !status.ok()) return status;
  std::vector<TableInfo> tables;
  for (TableRecord& record : *records) {
    absl::StatusOr<std::optional<TableSchema>> schema = store_->ReadSchema(record.table);
    if (!schema.ok()) return Noticed(schema.status());
    const auto columns = *schema ? static_cast<std::uint32_t>((*schema)->columns.size()) : 0U;
    TableCheck check = check_of[FoldName(record.table)];
    // What was compared is to be replaced.
    if (record.position.lsn == Lsn{}) check.equality = Equality::kUnknown;
    const bool held = IsHeld(*holds_, record.table);
    const std::int64_t source_ms = TimeOf(*freshness, record.table).value_or(0);
    const std::int64_t target_ms = TargetOf(freshness->targets, record.table);
    tables.push_back({std::move(record), columns, std::move(check), held, source_ms, target_ms});
  }
  return tables;
}

/// The names as they are stored; all when none is asked for.
absl::StatusOr<std::vector<std::string>> Tenant::Existing(const std::vector<std::string>& tables) {
  absl::StatusOr<std::vector<TableRecord>> records = store_->ReadTables();
  if (!records.ok()) return Noticed(records.status());
  std::map<std::string, std::string> known;
  for (const TableRecord& record : *records) known[FoldName(record.table)] = record.table;
  std::vector<std::string> names;
  if (tables.empty()) {
    for (const auto& [folded, name] : known) names.push_back(name);
    return names;
  }
  for (const std::string& table : tables) {
    const auto found = known.find(FoldName(table));
    if (found == known.end()) {
      return absl::NotFoundError(absl::StrCat("tenant '", context_id_, "' has no ", Quoted(table),
                                              ". Nothing was changed. 'mirrorctl tables ", context_id_,
                                              "' lists those that it has."));
    }
    names.push_back(found->second);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

absl::StatusOr<std::vector<std::string>> Tenant::Invalidate(const std::vector<std::string>& tables,
                                                            std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  if (absl::Status status = OpenForOperator(now_ms); !status.ok()) return status;
  absl::StatusOr<std::vector<std::string>> names = Existing(tables);
  if (!names.ok()) return names.status();
  std::vector<Step> steps;
  for (const std::string& name : *names) {
    absl::StatusOr<std::optional<TableRecord>> record = store_->ReadTable(name);
    if (!record.ok()) return Noticed(record.status());
    if (*record) steps.push_back(PlanInvalidate(**record));
  }
  if (absl::Status status = EndCycleLocked(now_ms, {.steps = std::move(steps)}); !status.ok()) return status;
  events_.Add(context_id_, Severity::kInformation, "lsn.invalidated",
              absl::StrCat("an operator set the LSN of ", Counted(names->size(), "table"),
                           " to -1; the next cycle populates what is at -1"));
  return names;
}

absl::StatusOr<std::vector<std::string>> Tenant::Reset(const std::vector<std::string>& tables,
                                                       std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  if (absl::Status status = OpenForOperator(now_ms); !status.ok()) return status;
  absl::StatusOr<std::vector<std::string>> names = Existing(tables);
  if (!names.ok()) return names.status();
  std::vector<Step> steps;
  for (const std::string& name : *names) {
    absl::StatusOr<std::optional<TableRecord>> record = store_->ReadTable(name);
    if (!record.ok()) return Noticed(record.status());
    Step step;
    step.table = name;
    step.expected = *record;
    step.actions.push_back(DropTable{});
    steps.push_back(std::move(step));
  }
  if (absl::Status status = EndCycleLocked(now_ms, {.steps = std::move(steps)}); !status.ok()) return status;
  ForgetAgreed();
  events_.Add(context_id_, Severity::kWarning, "tables.reset",
              absl::StrCat("an operator dropped ", Counted(names->size(), "table"),
                           " with the partner's indexes and triggers on it; the next cycle makes it anew, "
                           "without them"));
  return names;
}

absl::Status Tenant::Pause(const std::string& reason, std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  if (absl::Status status = OpenForOperator(now_ms); !status.ok()) return status;
  absl::Status status = EndCycleLocked(now_ms, {.change = [&](TenantRecord& tenant) {
                                         tenant.paused = true;
                                         tenant.pause_reason = reason;
                                       }});
  if (status.ok())
    events_.Add(context_id_, Severity::kWarning, "tenant.paused",
                absl::StrCat("an operator paused the tenant", reason.empty() ? "" : ": ", reason));
  return status;
}

absl::Status Tenant::Resume(std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  // The operator's word that a damaged file was mended; it is looked at once more.
  std::string damaged = std::exchange(quarantine_, {});
  if (damaged.empty() && store_ == nullptr) {
    // Perhaps by a process before this one.
    if (absl::IsDataLoss(OpenForOperator(now_ms))) damaged = std::exchange(quarantine_, {});
  }
  if (absl::Status status = LookOnceMore(damaged, now_ms); !status.ok()) {
    // A file that is gone may be made anew.
    if (quarantine_.empty() && !absl::IsNotFound(status)) quarantine_ = std::move(damaged);
    if (!quarantine_.empty()) store_.reset();
    is_open_ = store_ != nullptr;
    return status;
  }
  bool had_stopped = !damaged.empty();
  absl::Status status = EndCycleLocked(now_ms, {.change = [&](TenantRecord& tenant) {
                                         had_stopped = had_stopped || tenant.paused;
                                         tenant.paused = false;
                                         tenant.pause_reason.clear();
                                         // Two sources that were found are one again.
                                         tenant.missed_cycle = 0;
                                         tenant.missed_ms = 0;
                                         // Where the clock was ahead, this is how it is forgiven.
                                         tenant.clock_ms = now_ms;
                                       }});
  if (status.ok())
    events_.Add(context_id_, Severity::kInformation, "tenant.resumed",
                had_stopped ? "an operator resumed the tenant"
                            : "an operator ran 'resume'; the tenant was not paused");
  return status;
}

absl::Status Tenant::LookOnceMore(const std::string& damaged, std::int64_t now_ms) {
  if (damaged.empty()) return OpenForOperator(now_ms);
  if (absl::Status status = OpenForOperator(now_ms, Trust::kLook); !status.ok()) return status;
  if (absl::Status status = Noticed(store_->CheckIntegrity()); !status.ok()) return status;
  return store_->Release();
}

absl::Status Tenant::CheckIntegrity() {
  const MutexLock lock(mutex_);
  if (absl::Status status = OpenForOperator(0); !status.ok()) return status;
  return Noticed(store_->CheckIntegrity());
}

void Tenant::EndCycle(std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  if (!served_cycle_ || retired_ || !Open(false, now_ms).ok()) return;
  absl::StatusOr<TenantRecord> tenant = store_->ReadTenant();
  if (!tenant.ok() || !tenant->active) return;
  absl::Status status = EndCycleLocked(now_ms);
  events_.Add(context_id_, Severity::kInformation, "cycle.ended",
              status.ok() ? "the server stops: the running cycle is over" : std::string(status.message()));
}

bool Tenant::CloseIfIdle() {
  if (!mutex_.try_lock()) return false;
  const MutexLock lock(mutex_, std::adopt_lock);
  if (!store_) return false;
  // A log that a reader holds would be replayed over a file put there while nobody watches.
  if (!store_->Replaced() && !store_->CheckWhole().ok()) return false;
  store_.reset();
  is_open_ = false;
  return true;
}

absl::Status Tenant::Retire(const std::function<absl::Status()>& remove) {
  const MutexLock lock(mutex_);
  retired_ = true;
  store_.reset();
  is_open_ = false;
  if (removed_) return absl::OkStatus();
  absl::Status status = remove();
  removed_ = status.ok();
  return status;
}

}  // namespace mirror
