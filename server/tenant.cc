#include "server/tenant.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/table.h"
#include "server/apply_plan.h"
#include "server/store/crash_point.h"

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

absl::Status NotAgreed(const std::string& table) {
  return absl::FailedPreconditionError(
      absl::StrCat(Quoted(table),
                   " is not agreed in this cycle. Nothing was applied. Announce it with TableSchema, and "
                   "send batches only of tables that are wanted there."));
}

/// A step that only restates its record: what a large value's part hangs on.
Step Untouched(const TableRecord& record) {
  Step step;
  step.table = record.table;
  step.expected = record;
  step.record = record;
  return step;
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

/// What is unchanged is not kept: a repetition finds nothing and says so.
std::vector<SchemaAnswer> WorthKeeping(const std::vector<SchemaAnswer>& answers) {
  std::vector<SchemaAnswer> kept;
  for (const SchemaAnswer& answer : answers) {
    if (answer.action != static_cast<std::int32_t>(SchemaAction::kUnchanged)) kept.push_back(answer);
  }
  return kept;
}

/// What came of a step, where it is not what was planned.
void Correct(const StepResult& step, SchemaAnswer& answer) {
  if (!step.status.ok()) {
    answer.action = static_cast<std::int32_t>(SchemaAction::kRefused);
    answer.reason = std::string(step.status.message());
  } else if (step.otherwise) {
    answer.action = static_cast<std::int32_t>(SchemaAction::kRepopulate);
    answer.reason = absl::StrCat("it could not be changed in place: ", step.reason);
  }
}

/// What a mirror has, read once for all tables of an announcement. By folded name.
struct Known {
  std::map<std::string, std::string> names;
  std::map<std::string, TableRecord> records;
  std::set<std::string> there;  ///< Agreed, and not dropped by somebody.

  std::optional<TableRecord> RecordOf(const std::string& key) const {
    const auto found = records.find(key);
    return found == records.end() ? std::nullopt : std::optional(found->second);
  }
};

absl::StatusOr<Known> ReadKnown(Store& store) {
  Known known;
  absl::StatusOr<std::vector<TableRecord>> records = store.ReadTables();
  if (!records.ok()) return records.status();
  absl::StatusOr<std::vector<std::string>> agreed = store.AgreedTables();
  if (!agreed.ok()) return agreed.status();
  for (const std::string& name : *agreed) {
    known.names.emplace(FoldName(name), name);
    known.there.insert(FoldName(name));
  }
  for (TableRecord& record : *records) {
    std::string key = FoldName(record.table);
    known.names.emplace(key, record.table);
    known.records.emplace(std::move(key), std::move(record));
  }
  return known;
}

/// The records of a request while it is being planned: each batch sees what the ones before it will leave.
class Outlook {
 public:
  explicit Outlook(Store& store) : store_(store) {}

  absl::StatusOr<std::optional<TableRecord>> Of(const std::string& table) {
    const std::string key = FoldName(table);
    if (const auto found = records_.find(key); found != records_.end()) return found->second;
    absl::StatusOr<std::optional<TableRecord>> record = store_.ReadTable(table);
    if (record.ok()) records_.emplace(key, *record);
    return record;
  }
  void Will(const Step& step) { records_[FoldName(step.table)] = step.record; }

 private:
  Store& store_;
  std::map<std::string, std::optional<TableRecord>> records_;
};

}  // namespace

Tenant::Tenant(std::string context_id, OpenStore open, const TenantOptions& options, Events& events,
               std::function<void(Tenant&)> make_room)
    : context_id_(std::move(context_id)),
      open_(std::move(open)),
      options_(options),
      events_(events),
      make_room_(std::move(make_room)) {}

absl::Status Tenant::Open(bool create, std::int64_t now_ms) {
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
                  "the mirror file was replaced or removed while it was open; the running cycle is over, and "
                  "the next "
                  "one starts from the file that is there now");
    } else {
      events_.Add(context_id_, Severity::kWarning, "mirror.not_built",
                  "the new mirror could not be built: its rows are lost and its cycle is over; the next one "
                  "populates it");
    }
  }
  if (store_) return replaced_ ? EndCycleInNewFile(now_ms) : absl::OkStatus();
  agreed_.clear();
  refused_tables_.reset();
  refused_seq_.clear();
  absl::StatusOr<std::unique_ptr<Store>> store = open_(create);
  if (absl::IsNotFound(store.status())) {
    return absl::AbortedError(
        absl::StrCat("the mirror file of '", context_id_,
                     "' is gone. Nothing was applied. Begin a new cycle with Authenticate."));
  }
  if (!store.ok()) return Noticed(store.status());
  store_ = *std::move(store);
  is_open_ = true;
  make_room_(*this);
  return replaced_ ? EndCycleInNewFile(now_ms) : absl::OkStatus();
}

/// The same in an operator's words: a file that is gone is no cycle's end.
absl::Status Tenant::OpenForOperator(std::int64_t now_ms) {
  absl::Status status = Open(false, now_ms);
  if (!absl::IsAborted(status)) return status;
  return absl::NotFoundError(absl::StrCat(
      "the mirror file of '", context_id_,
      "' is gone from the data folder. Nothing was done. Put a backup in its place, or let the source's next "
      "cycle make it anew (with automatic_provisioning); 'mirrorctl delete ",
      context_id_, " --confirm ", context_id_, "' forgets it."));
}

/// The file may be a copy from the middle of the very cycle that runs: that cycle must not go on in it.
absl::Status Tenant::EndCycleInNewFile(std::int64_t now_ms) {
  absl::Status status = EndCycleLocked(now_ms, [](TenantRecord&) {}, {});
  replaced_ = !status.ok();
  return status;
}

/// Remembers that a database is damaged: it takes nothing more until an operator acts.
absl::Status Tenant::Noticed(absl::Status status) {
  if (absl::IsDataLoss(status) && quarantine_.empty()) {
    quarantine_ = absl::StrCat("the mirror file of '", context_id_, "' is damaged: ", status.message(),
                               ". It takes nothing more. Put a backup in its place and 'mirrorctl resume ",
                               context_id_, "', or 'mirrorctl delete ", context_id_, " --confirm ",
                               context_id_, "': the next cycle makes it anew.");
    store_.reset();
    is_open_ = false;
    events_.Add(context_id_, Severity::kError, "mirror.damaged", quarantine_);
    return absl::DataLossError(quarantine_);
  }
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
  if (absl::Status status = CheckOwner(caller, *tenant); !status.ok()) return status;
  if (!tenant->active || tenant->cycle != cycle) {
    return CycleOver(cycle, tenant->active ? absl::StrCat(": cycle ", tenant->cycle, " took its place") : "");
  }
  if (IsIdle(*tenant, now_ms)) {
    if (absl::Status status = EndCycleLocked(now_ms, [](TenantRecord&) {}, {}); !status.ok()) return status;
    return CycleOver(cycle, absl::StrCat(": it made no progress for ", options_.cycle_idle_ms / 1'000, " s"));
  }
  served_cycle_ = true;
  return tenant;
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
}

absl::StatusOr<CommitResult> Tenant::CommitPlanned(const Planner& planner) {
  for (int attempt = 0; attempt < kPlanAttemptsMax; ++attempt) {
    absl::StatusOr<Plan> plan = planner();
    if (!plan.ok()) return Noticed(plan.status());
    absl::StatusOr<CommitResult> result = store_->Commit(*plan);
    if (!result.ok()) return Noticed(result.status());
    if (!result->stale) return result;
  }
  return absl::UnavailableError(
      absl::StrCat("the mirror of '", context_id_,
                   "' was changed by hand again and again while this call was being "
                   "applied. Nothing was applied; the same call again is safe."));
}

absl::Status Tenant::EndCycleLocked(std::int64_t now_ms, const std::function<void(TenantRecord&)>& change,
                                    std::vector<Step> steps) {
  absl::StatusOr<CommitResult> result = CommitPlanned([&]() -> absl::StatusOr<Plan> {
    absl::StatusOr<TenantRecord> tenant = store_->ReadTenant();
    if (!tenant.ok()) return tenant.status();
    Plan plan;
    plan.now_ms = now_ms;
    plan.tenant_expected = *tenant;
    plan.tenant = *tenant;
    plan.tenant->cycle = tenant->cycle + 1;
    plan.tenant->active = false;
    plan.tenant->holder.clear();
    plan.tenant->announced.clear();
    change(*plan.tenant);
    plan.steps = steps;
    plan.forget_old_cycles = true;
    return plan;
  });
  if (!result.ok()) return result.status();
  served_cycle_ = false;
  refused_tables_.reset();
  refused_seq_.clear();
  for (const StepResult& step : result->steps) {
    if (!step.status.ok()) return step.status;
  }
  return absl::OkStatus();
}

absl::StatusOr<Admission> Tenant::Authenticate(const Caller& caller, const std::string& holder,
                                               bool take_over, bool probe, std::int64_t now_ms) {
  const Lock lock(mutex_);
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
  bool created = false;
  absl::StatusOr<CommitResult> result = CommitPlanned([&]() -> absl::StatusOr<Plan> {
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
    Plan plan;
    plan.now_ms = now_ms;
    plan.tenant_expected = *tenant;
    plan.tenant = *tenant;
    plan.nonce = Nonce{caller.nonce, caller.expires_ms, options_.nonces_max};
    plan.tenant->clock_ms = std::max(tenant->clock_ms, now_ms);
    if (probe) return plan;
    plan.tenant->issuer = caller.issuer;
    plan.tenant->environment = caller.environment;
    const bool idle = IsIdle(*tenant, now_ms);
    const bool own = take_over && !holder.empty() && holder == tenant->holder;
    if (tenant->paused) {
      admission.do_not_replicate = true;
      admission.reason =
          tenant->pause_reason.empty() ? "the operator paused this tenant" : tenant->pause_reason;
      return plan;
    }
    if (tenant->active && !idle && !own) {
      admission.busy = BusyCycle{tenant->cycle, tenant->holder, tenant->since_ms};
      return plan;
    }
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
  if (!result.ok()) return result.status();
  if (created && !probe) {
    events_.Add(context_id_, Severity::kInformation, "tenant.created",
                absl::StrCat("a mirror was made for issuer '", caller.issuer, "', environment '",
                             caller.environment, "'"));
  }
  if (admission.accepted) {
    served_cycle_ = true;
    refused_tables_.reset();
    refused_seq_.clear();
  }
  return admission;
}

absl::StatusOr<std::vector<TableAnswer>> Tenant::Announce(const Caller& caller, std::int64_t cycle,
                                                          const std::string& source_id,
                                                          const std::string& digest,
                                                          const std::vector<AnnouncedTable>& tables,
                                                          std::int64_t now_ms) {
  const SteadyTime began = options_.steady_now();
  const Lock lock(mutex_);
  absl::StatusOr<TenantRecord> running = Running(caller, cycle, now_ms);
  if (!running.ok()) return running.status();
  if (running->announced == digest) return Answers(tables);
  if (!running->announced.empty() && running->touched) {
    return absl::FailedPreconditionError(
        "other tables were announced in this cycle and batches of them were applied. Nothing was changed. "
        "End the "
        "cycle with ReplicationCompleted and announce the new tables in the next one.");
  }

  std::vector<SchemaAnswer> answers;
  std::vector<std::size_t> step_of;  // Of each answer, the step; npos: none.
  constexpr std::size_t kNoStep = static_cast<std::size_t>(-1);
  std::vector<SchemaAnswer> before;  // Of the cycle before.
  std::vector<std::string> retired;
  const std::string former_source = running->source_id;
  absl::StatusOr<CommitResult> result = CommitPlanned([&]() -> absl::StatusOr<Plan> {
    answers.clear();
    step_of.clear();
    retired.clear();
    absl::StatusOr<TenantRecord> tenant = store_->ReadTenant();
    if (!tenant.ok()) return tenant.status();
    Plan plan;
    plan.cycle = cycle;
    plan.now_ms = now_ms;
    plan.tenant_expected = *tenant;
    plan.tenant = *tenant;
    plan.tenant->source_id = source_id;
    plan.tenant->announced = digest;
    plan.tenant->progress_ms = now_ms;
    plan.drop_retired_before_ms = std::max<std::int64_t>(1, now_ms - options_.drop_grace_ms);
    absl::StatusOr<std::vector<SchemaAnswer>> former = store_->ReadAnswers();
    if (!former.ok()) return former.status();
    before = *std::move(former);
    absl::StatusOr<Known> known = ReadKnown(*store_);
    if (!known.ok()) return known.status();
    std::set<std::string> listed;
    for (const AnnouncedTable& table : tables) listed.insert(FoldName(table.name));
    for (const auto& [key, name] : known->names) {
      if (listed.contains(key)) continue;
      plan.steps.push_back(PlanRetire(known->RecordOf(key), name, now_ms));
      retired.push_back(name);
    }
    for (const AnnouncedTable& table : tables) {
      step_of.push_back(kNoStep);
      absl::Status refused = table.schema.status();
      if (refused.ok()) refused = store_->CheckTableName(table.name);
      if (!refused.ok()) {
        answers.push_back(
            {table.name, static_cast<std::int32_t>(SchemaAction::kRefused), std::string(refused.message())});
        continue;
      }
      const std::string key = FoldName(table.name);
      const std::string hash = SchemaHash(*table.schema);
      std::optional<TableRecord> record = known->RecordOf(key);
      if (known->there.contains(key) && record && record->schema_hash == hash &&
          record->state == TableState::kMirrored) {
        answers.push_back({table.name, static_cast<std::int32_t>(SchemaAction::kUnchanged), ""});
        continue;
      }
      absl::StatusOr<std::optional<TableSchema>> agreed = store_->ReadSchema(table.name);
      if (!agreed.ok()) return agreed.status();
      TablePlan planned = PlanTable(record, *agreed, *table.schema, hash);
      answers.push_back({table.name, static_cast<std::int32_t>(planned.action), std::move(planned.reason)});
      if (!planned.step) continue;
      step_of.back() = plan.steps.size();
      plan.steps.push_back(*std::move(planned.step));
    }
    if (answers.empty() && before.empty()) return plan;
    plan.answers = [&](const std::vector<StepResult>& steps) {
      for (std::size_t i = 0; i < answers.size(); ++i) {
        if (step_of[i] != kNoStep) Correct(steps[step_of[i]], answers[i]);
      }
      return WorthKeeping(answers);
    };
    return plan;
  });
  if (!result.ok()) return result.status();

  Progressed(cycle, now_ms, began);
  refused_tables_.emplace();
  for (const SchemaAnswer& answer : answers) {
    const auto action = static_cast<SchemaAction>(answer.action);
    if (action == SchemaAction::kRefused) refused_tables_->insert(FoldName(answer.table));
    // Told once, not in every cycle that finds the same.
    if (std::find(before.begin(), before.end(), answer) != before.end()) continue;
    if (action == SchemaAction::kRefused)
      events_.Add(context_id_, Severity::kWarning, "table.refused", answer.reason);
    if (action == SchemaAction::kRepopulate) {
      events_.Add(context_id_, Severity::kInformation, "table.repopulate",
                  absl::StrCat(Quoted(answer.table), " is to be populated anew: ", answer.reason));
    }
  }
  agreed_.clear();
  refused_seq_.clear();
  if (!retired.empty()) {
    events_.Add(context_id_, Severity::kWarning, "tables.retired",
                absl::StrCat("the source does not announce ", retired.size(),
                             retired.size() == 1 ? " table" : " tables",
                             " any more: ", ListNames(retired, kNamesListed),
                             ". What the mirror had of them is set aside and removed after drop_grace"));
  }
  if (!former_source.empty() && former_source != source_id) {
    events_.Add(
        context_id_, Severity::kWarning, "source.changed",
        "another source database announces itself for this tenant: a copy, or the source moved. Two sources "
        "must never share a tenant");
  }
  return Answers(tables);
}

absl::StatusOr<std::vector<TableAnswer>> Tenant::Answers(const std::vector<AnnouncedTable>& tables) {
  absl::StatusOr<std::vector<SchemaAnswer>> kept = store_->ReadAnswers();
  if (!kept.ok()) return Noticed(kept.status());
  absl::StatusOr<std::vector<TableRecord>> records = store_->ReadTables();
  if (!records.ok()) return Noticed(records.status());
  std::map<std::string, const SchemaAnswer*> answer_of;
  for (const SchemaAnswer& answer : *kept) answer_of[FoldName(answer.table)] = &answer;
  std::map<std::string, const TableRecord*> record_of;
  for (const TableRecord& record : *records) record_of[FoldName(record.table)] = &record;
  std::vector<TableAnswer> result;
  for (const AnnouncedTable& table : tables) {
    TableAnswer answer;
    answer.table = table.name;
    const std::string key = FoldName(table.name);
    if (const auto found = answer_of.find(key); found != answer_of.end()) {
      answer.action = static_cast<SchemaAction>(found->second->action);
      answer.reason = found->second->reason;
    }
    answer.wanted = answer.action != SchemaAction::kRefused;
    if (const auto found = record_of.find(key); found != record_of.end() && answer.wanted) {
      answer.position = found->second->position;
      answer.pending = found->second->pending;
      answer.schema_hash = found->second->schema_hash;
      answer.row_count = found->second->row_count;
    }
    result.push_back(std::move(answer));
  }
  return result;
}

absl::Status Tenant::LoadRefused() {
  if (refused_tables_) return absl::OkStatus();
  absl::StatusOr<std::vector<SchemaAnswer>> answers = store_->ReadAnswers();
  if (!answers.ok()) return answers.status();
  refused_tables_.emplace();
  for (const SchemaAnswer& answer : *answers) {
    if (answer.action == static_cast<std::int32_t>(SchemaAction::kRefused))
      refused_tables_->insert(FoldName(answer.table));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const TableSchema>> Tenant::Agreed(const Caller& caller,
                                                                  const std::string& table) {
  const Lock lock(mutex_);
  if (!store_) {
    if (absl::Status status = Open(false, 0); !status.ok()) return status;
  }
  const std::string key = FoldName(table);
  if (const auto found = agreed_.find(key); found != agreed_.end()) return found->second;
  absl::StatusOr<TenantRecord> tenant = store_->ReadTenant();
  if (!tenant.ok()) return Noticed(tenant.status());
  if (absl::Status status = CheckOwner(caller, *tenant); !status.ok()) return status;
  absl::StatusOr<std::optional<TableSchema>> schema = store_->ReadSchema(table);
  if (!schema.ok()) return Noticed(schema.status());
  if (!*schema) return NotAgreed(table);
  auto kept = std::make_shared<const TableSchema>(**std::move(schema));
  agreed_[key] = kept;
  return kept;
}

/// Whether the first batch of some table came before its predecessor, and that one may still come.
bool Tenant::HasGap(const RowRequest& request) {
  std::set<std::string> seen;
  for (const IncomingBatch& batch : request.batches) {
    const std::string key = FoldName(batch.table);
    if (!seen.insert(key).second) continue;
    absl::StatusOr<std::optional<TableRecord>> record = store_->ReadTable(batch.table);
    if (!record.ok() || !*record) continue;
    const std::uint64_t applied = (*record)->cycle == request.cycle ? (*record)->seq : 0;
    if (batch.seq > applied + 1 && !refused_seq_.contains(key)) return true;
  }
  return false;
}

absl::StatusOr<std::vector<BatchOutcome>> Tenant::Apply(const Caller& caller, const RowRequest& request,
                                                        bool wait_for_gaps, std::int64_t now_ms) {
  const SteadyTime began = options_.steady_now();
  Lock lock(mutex_);
  absl::StatusOr<TenantRecord> running = Running(caller, request.cycle, now_ms);
  if (!running.ok()) return running.status();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(options_.gap_wait_ms);
  while (wait_for_gaps && HasGap(request) && std::chrono::steady_clock::now() < deadline) {
    applied_.wait_for(lock, kGapLookInterval);
    if (running = Running(caller, request.cycle, now_ms); !running.ok()) return running.status();
  }
  if (absl::Status status = LoadRefused(); !status.ok()) return Noticed(status);

  std::vector<BatchOutcome> outcomes;
  std::vector<std::size_t> outcome_of_step;
  absl::StatusOr<CommitResult> result = CommitPlanned([&]() -> absl::StatusOr<Plan> {
    outcomes.clear();
    outcome_of_step.clear();
    Plan plan;
    plan.cycle = request.cycle;
    plan.now_ms = now_ms;
    Outlook outlook(*store_);
    const auto add = [&](BatchOutcome outcome, std::optional<Step> step) {
      if (step) {
        outlook.Will(*step);
        plan.steps.push_back(*std::move(step));
        outcome_of_step.push_back(outcomes.size());
      }
      outcomes.push_back(std::move(outcome));
    };
    const auto agreed = [&](const std::string& table) {
      return !running->announced.empty() && !refused_tables_->contains(FoldName(table));
    };
    for (const IncomingPart& part : request.parts) {
      BatchOutcome outcome{.table = part.table};
      absl::StatusOr<std::optional<TableRecord>> record = outlook.Of(part.table);
      if (!record.ok()) return record.status();
      if (!agreed(part.table) || !*record) {
        outcome.status = NotAgreed(part.table);
        add(std::move(outcome), std::nullopt);
        continue;
      }
      Step step = Untouched(**record);
      step.actions.push_back(KeepPart{request.cycle, part.value_id, part.offset, part.data});
      add(std::move(outcome), std::move(step));
    }
    for (const IncomingBatch& batch : request.batches) {
      BatchOutcome outcome{.table = batch.table, .seq = batch.seq};
      absl::StatusOr<std::optional<TableRecord>> record = outlook.Of(batch.table);
      if (!record.ok()) return record.status();
      if (!agreed(batch.table)) {
        outcome.status = NotAgreed(batch.table);
      } else if (!batch.batch.ok()) {
        outcome.status = batch.batch.status();
      } else if (*record && (*record)->schema_hash != batch.batch->schema_hash) {
        outcome.status = absl::FailedPreconditionError(
            absl::StrCat(Quoted(batch.table),
                         " was announced with another definition than this batch has. Nothing was "
                         "applied. Take `schema_hash` from the answer of TableSchema."));
      } else {
        BatchPlan planned = PlanBatch(request.cycle, *record, *batch.schema, *batch.batch);
        outcome.repeated = planned.verdict == BatchPlan::Verdict::kRepeated;
        outcome.status = std::move(planned.status);
        if (planned.verdict == BatchPlan::Verdict::kApply) {
          add(std::move(outcome), std::move(planned.step));
          continue;
        }
      }
      add(std::move(outcome), std::nullopt);
    }
    if (request.advance) {
      for (const auto& [table, base] : request.advance->tables) {
        BatchOutcome outcome{.table = table};
        absl::StatusOr<std::optional<TableRecord>> record = outlook.Of(table);
        if (!record.ok()) return record.status();
        BatchPlan planned;
        const std::string key = FoldName(table);
        const bool sent =
            std::any_of(request.batches.begin(), request.batches.end(),
                        [&](const IncomingBatch& batch) { return FoldName(batch.table) == key; });
        if (sent || refused_seq_.contains(key)) {
          planned.status = absl::FailedPreconditionError(
              absl::StrCat(Quoted(table),
                           " has batches of its own in this cycle. Its LSN was not moved. Commit it with "
                           "its last batch."));
        } else if (!agreed(table)) {
          planned.status = NotAgreed(table);
        } else {
          planned = PlanAdvance(request.cycle, *record, table, base, request.advance->position);
        }
        outcome.repeated = planned.verdict == BatchPlan::Verdict::kRepeated;
        outcome.status = std::move(planned.status);
        std::optional<Step> step;
        if (planned.verdict == BatchPlan::Verdict::kApply) step = std::move(planned.step);
        add(std::move(outcome), std::move(step));
      }
    }
    return plan;
  });
  if (!result.ok()) return result.status();
  CrashPoint("apply.committed");
  Progressed(request.cycle, now_ms, began);

  for (std::size_t i = 0; i < result->steps.size(); ++i) {
    StepResult& step = result->steps[i];
    BatchOutcome& outcome = outcomes[outcome_of_step[i]];
    outcome.status = std::move(step.status);
    outcome.missing_rows = std::move(step.missing_rows);
    outcome.more_missing = step.more_missing;
    for (const std::string& index : step.left_out) {
      events_.Add(context_id_, Severity::kWarning, "index.left_out",
                  absl::StrCat("index '", index, "' of ", Quoted(outcome.table),
                               " does not fit the new rows and was left out"));
    }
  }
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
      absl::StatusOr<CommitResult> stopped = CommitPlanned([&]() -> absl::StatusOr<Plan> {
        Plan plan;
        plan.cycle = request.cycle;
        plan.now_ms = now_ms;
        absl::StatusOr<std::optional<TableRecord>> record = store_->ReadTable(outcome.table);
        if (!record.ok()) return record.status();
        if (*record) plan.steps.push_back(PlanStop(request.cycle, **record));
        return plan;
      });
      if (!stopped.ok()) return stopped.status();
      events_.Add(context_id_, Severity::kWarning, "table.rows_missing",
                  std::string(outcome.status.message()));
    }
    absl::StatusOr<std::optional<TableRecord>> record = store_->ReadTable(outcome.table);
    if (!record.ok()) return Noticed(record.status());
    if (*record) {
      outcome.applied_seq = (*record)->cycle == request.cycle ? (*record)->seq : 0;
      outcome.lsn = (*record)->position.lsn;
    }
    outcome.durable = outcome.status.ok() && store_->IsDurable();
    // Only of tables that there are: invented names must not pile up.
    if (outcome.seq != 0 && *record) {
      if (outcome.status.ok()) {
        if (!outcome.repeated) refused_seq_.erase(key);
      } else if (!absl::IsAborted(outcome.status)) {
        refused_seq_[key] = outcome.seq;
      }
    }
    const std::size_t batch = i - request.parts.size();
    if (batch < request.batches.size() && outcome.status.ok() && !outcome.repeated && outcome.seq == 1) {
      AddPopulateEvent(outcome.table, request.batches[batch].batch->populate);
    }
    answered.push_back(std::move(outcome));
  }
  applied_.notify_all();
  return answered;
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
  absl::StatusOr<std::shared_ptr<const TableSchema>> schema = Agreed(caller, table);
  const Lock lock(mutex_);
  absl::StatusOr<TenantRecord> running = Running(caller, cycle, now_ms);
  if (!running.ok()) return running.status();
  if (absl::Status status = LoadRefused(); !status.ok()) return Noticed(status);
  BatchOutcome outcome{.table = table, .seq = 1};
  if (schema.ok() && (running->announced.empty() || refused_tables_->contains(FoldName(table)))) {
    schema = NotAgreed(table);
  }
  if (!schema.ok()) {
    outcome.status = schema.status();
    return outcome;
  }
  absl::StatusOr<CommitResult> result = CommitPlanned([&]() -> absl::StatusOr<Plan> {
    absl::StatusOr<std::optional<TableRecord>> record = store_->ReadTable(table);
    if (!record.ok()) return record.status();
    BatchPlan planned = PlanWipe(cycle, *record, **schema, target);
    outcome.repeated = planned.verdict == BatchPlan::Verdict::kRepeated;
    outcome.status = std::move(planned.status);
    Plan plan;
    plan.cycle = cycle;
    plan.now_ms = now_ms;
    if (planned.verdict == BatchPlan::Verdict::kApply) plan.steps.push_back(std::move(planned.step));
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

absl::StatusOr<std::vector<TableVerdict>> Tenant::Complete(const Caller& caller, std::int64_t cycle,
                                                           const std::vector<CompletedTable>& tables,
                                                           std::int64_t now_ms) {
  const Lock lock(mutex_);
  bool repeated = false;
  if (absl::StatusOr<TenantRecord> running = Running(caller, cycle, now_ms); !running.ok()) {
    // The answer to the first one may have been lost.
    if (!store_) return running.status();
    absl::StatusOr<TenantRecord> tenant = store_->ReadTenant();
    repeated = tenant.ok() && CheckOwner(caller, *tenant).ok() && tenant->completed_cycle == cycle;
    if (!repeated) return running.status();
  }
  std::vector<TableVerdict> verdicts;
  std::uint64_t inserts = 0, updates = 0, deletes = 0;
  for (const CompletedTable& table : tables) {
    TableVerdict verdict{.table = table.table};
    inserts += table.inserts;
    updates += table.updates;
    deletes += table.deletes;
    absl::StatusOr<std::optional<TableRecord>> record = store_->ReadTable(table.table);
    if (!record.ok()) return Noticed(record.status());
    if (!*record || (*record)->position.lsn == Lsn{} || (*record)->pending || (*record)->row_count < 0 ||
        !table.row_count) {
      verdict.reason = table.row_count ? "the table stands at no committed position" : "no count was given";
    } else if (static_cast<std::uint64_t>((*record)->row_count) != *table.row_count) {
      verdict.comparison = Comparison::kDiffers;
      verdict.reason =
          absl::StrCat("the mirror has ", (*record)->row_count, " rows and the source ", *table.row_count);
      if (!repeated) {
        events_.Add(context_id_, Severity::kError, "table.differs",
                    absl::StrCat(Quoted(table.table), ": ", verdict.reason));
      }
    } else if (table.has_digest) {
      verdict.reason = "the counts are equal; digests are not compared by this version";
    } else {
      verdict.comparison = Comparison::kEqual;
    }
    verdicts.push_back(std::move(verdict));
  }
  if (repeated) return verdicts;
  absl::Status status = EndCycleLocked(now_ms,
                                       [&](TenantRecord& tenant) {
                                         tenant.completed_cycle = cycle;
                                         tenant.completed_ms = now_ms;
                                       },
                                       {});
  if (!status.ok()) return status;
  events_.Add(context_id_, Severity::kInformation, "cycle.completed",
              absl::StrCat("cycle ", cycle, ": ", Counted(tables.size(), "table"), " changed, ", inserts,
                           " inserts, ", updates, " updates, ", deletes, " deletes"));
  // When all were in use as they were opened, this is when there is something to close.
  make_room_(*this);
  return verdicts;
}

absl::StatusOr<TenantInfo> Tenant::Info() {
  const Lock lock(mutex_);
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
  return info;
}

absl::StatusOr<std::vector<TableInfo>> Tenant::Tables() {
  const Lock lock(mutex_);
  if (absl::Status status = OpenForOperator(0); !status.ok()) return status;
  absl::StatusOr<std::vector<TableRecord>> records = store_->ReadTables();
  if (!records.ok()) return Noticed(records.status());
  std::vector<TableInfo> tables;
  for (TableRecord& record : *records) {
    absl::StatusOr<std::optional<TableSchema>> schema = store_->ReadSchema(record.table);
    if (!schema.ok()) return Noticed(schema.status());
    const auto columns = *schema ? static_cast<std::uint32_t>((*schema)->columns.size()) : 0U;
    tables.push_back({std::move(record), columns});
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
  const Lock lock(mutex_);
  if (absl::Status status = OpenForOperator(now_ms); !status.ok()) return status;
  absl::StatusOr<std::vector<std::string>> names = Existing(tables);
  if (!names.ok()) return names.status();
  std::vector<Step> steps;
  for (const std::string& name : *names) {
    absl::StatusOr<std::optional<TableRecord>> record = store_->ReadTable(name);
    if (!record.ok()) return Noticed(record.status());
    if (*record) steps.push_back(PlanInvalidate(**record));
  }
  if (absl::Status status = EndCycleLocked(
          now_ms, [](TenantRecord&) {}, std::move(steps));
      !status.ok())
    return status;
  events_.Add(context_id_, Severity::kInformation, "lsn.invalidated",
              absl::StrCat("an operator set the LSN of ", Counted(names->size(), "table"),
                           " to -1; the next cycle populates what is at -1"));
  return names;
}

absl::StatusOr<std::vector<std::string>> Tenant::Reset(const std::vector<std::string>& tables,
                                                       std::int64_t now_ms) {
  const Lock lock(mutex_);
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
  if (absl::Status status = EndCycleLocked(
          now_ms, [](TenantRecord&) {}, std::move(steps));
      !status.ok())
    return status;
  agreed_.clear();
  events_.Add(context_id_, Severity::kWarning, "tables.reset",
              absl::StrCat("an operator dropped ", Counted(names->size(), "table"),
                           " with the partner's indexes and triggers on it; the next cycle makes it anew, "
                           "without them"));
  return names;
}

absl::Status Tenant::Pause(const std::string& reason, std::int64_t now_ms) {
  const Lock lock(mutex_);
  if (absl::Status status = OpenForOperator(now_ms); !status.ok()) return status;
  absl::Status status = EndCycleLocked(now_ms,
                                       [&](TenantRecord& tenant) {
                                         tenant.paused = true;
                                         tenant.pause_reason = reason;
                                       },
                                       {});
  if (status.ok())
    events_.Add(context_id_, Severity::kWarning, "tenant.paused",
                absl::StrCat("an operator paused the tenant", reason.empty() ? "" : ": ", reason));
  return status;
}

absl::Status Tenant::Resume(std::int64_t now_ms) {
  const Lock lock(mutex_);
  // The operator's word that a damaged file was mended; it is looked at once more.
  const bool damaged = !std::exchange(quarantine_, {}).empty();
  if (absl::Status status = OpenForOperator(now_ms); !status.ok()) return status;
  if (damaged) {
    if (absl::Status status = Noticed(store_->CheckIntegrity()); !status.ok()) return status;
  }
  absl::Status status = EndCycleLocked(now_ms,
                                       [&](TenantRecord& tenant) {
                                         tenant.paused = false;
                                         tenant.pause_reason.clear();
                                         // Where the clock was ahead, this is how it is forgiven.
                                         tenant.clock_ms = now_ms;
                                       },
                                       {});
  if (status.ok())
    events_.Add(context_id_, Severity::kInformation, "tenant.resumed", "an operator resumed the tenant");
  return status;
}

absl::Status Tenant::CheckIntegrity() {
  const Lock lock(mutex_);
  if (absl::Status status = OpenForOperator(0); !status.ok()) return status;
  return Noticed(store_->CheckIntegrity());
}

void Tenant::EndCycle(std::int64_t now_ms) {
  const Lock lock(mutex_);
  if (!served_cycle_ || retired_ || !Open(false, now_ms).ok()) return;
  absl::StatusOr<TenantRecord> tenant = store_->ReadTenant();
  if (!tenant.ok() || !tenant->active) return;
  absl::Status status = EndCycleLocked(now_ms, [](TenantRecord&) {}, {});
  events_.Add(context_id_, Severity::kInformation, "cycle.ended",
              status.ok() ? "the server stops: the running cycle is over" : std::string(status.message()));
}

bool Tenant::CloseIfIdle() {
  const Lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock() || !store_) return false;
  // A log that a reader holds would be replayed over a file put there while nobody watches.
  if (!store_->Replaced() && !store_->IsWhole()) return false;
  store_.reset();
  is_open_ = false;
  return true;
}

void Tenant::Retire() {
  const Lock lock(mutex_);
  retired_ = true;
  store_.reset();
  is_open_ = false;
}

}  // namespace mirror
