#include "server/tenant/records/records_planner.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/nonce.h"
#include "base/status_macros.h"
#include "server/records/import_job.h"
#include "server/tenant/notes/mirror_feed.h"
#include "server/tenant/records/kept_rejects.h"

namespace mirror {

absl::Status NotOfRecords(const TenantRecord& tenant) {
  return absl::FailedPreconditionError(absl::StrCat(
      "the rows of '", tenant.context_id, "' come by cycles of ",
      tenant.issuer.empty() ? std::string("its source")
                            : absl::StrCat("the source of issuer '", tenant.issuer, "'"),
      tenant.environment.empty() ? std::string() : absl::StrCat(" in environment '", tenant.environment, "'"),
      ". Nothing was written: change them there, or write to a data source of records."));
}

std::string StoppedWhy(const TenantRecord& tenant, const std::optional<TableRecord>& record) {
  if (tenant.paused) {
    return absl::StrCat("data source '", tenant.context_id, "' is paused",
                        tenant.pause_reason.empty() ? "" : ": ", tenant.pause_reason,
                        ". Nothing was written. 'mirrorctl resume ", tenant.context_id, "' ends the pause.");
  }
  if (!record || record->state != TableState::kMirrored || record->position.lsn.value < 0) {
    return absl::StrCat("the table of data source '", tenant.context_id,
                        "' has LSN -1, or no row of its own in the mirror's metadata: somebody stopped it. "
                        "Nothing was written. 'mirrorctl resume ",
                        tenant.context_id, "' lets it go on.");
  }
  return "";
}

absl::Status RecordsPlanner::Begin(const TenantRecord& tenant,
                                   const std::vector<const RecordRequest*>& requests,
                                   std::shared_ptr<const RecordsForm>* form) {
  if (tenant.door() != Door::kRecords) return NotOfRecords(tenant);
  tenant_ = tenant;
  // Before all else: what was answered once is answered so again, whatever became of the source.
  std::vector<const RecordRequest*> fresh;
  for (const RecordRequest* const request : requests) {
    absl::StatusOr<std::optional<RecordOutcome>> known = std::optional<RecordOutcome>();
    if (request->remember) known = FindRememberedIn(store_.records(), *request->remember, now_ms_, request);
    if (!known.ok()) return known.status();
    if (*known) {
      again_.emplace(request, **std::move(known));
    } else {
      fresh.push_back(request);
    }
  }
  if (fresh.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(record_, store_.records().ReadTable(kPartnerTable));
  if (std::string why = StoppedWhy(tenant, record_); !why.empty()) {
    stopped_ = absl::FailedPreconditionError(std::move(why));
    return absl::OkStatus();
  }
  absl::StatusOr<std::shared_ptr<const RecordsForm>> found =
      ReadForm(store_.records(), tenant.context_id, *record_, rules_, *form);
  if (absl::IsFailedPrecondition(found.status())) {
    stopped_ = found.status();
    return absl::OkStatus();
  }
  if (!found.ok()) return found.status();
  form_ = *form = *std::move(found);
  changes_.emplace(*form_, rules_, now_ms_);
  return changes_->Read(store_.records(), fresh);
}

absl::Status TellWhoErases(StoreRecords& records, Plan* plan) {
  ASSIGN_OR_RETURN(const std::optional<Document> erasing, records.ReadDocument(kErasureKind, kErasingId));
  if (erasing) plan->documents.push_back({kErasureKind, kErasingId, std::nullopt});
  return absl::OkStatus();
}

absl::Status MustErase(StoreRecords& records, const TenantRecord& tenant, Plan* plan) {
  RETURN_IF_ERROR(NoteErased(records, plan));
  RETURN_IF_ERROR(TellWhoErases(records, plan));
  if (tenant.scrub) return absl::OkStatus();
  plan->tenant = tenant;
  plan->tenant->scrub = true;
  plan->documents.push_back({kErasureKind, "", ""});
  return absl::OkStatus();
}

absl::Status EndJobs(StoreRecords& records, const std::string& message, std::int64_t now_ms,
                     std::vector<DocumentChange>* changes) {
  ASSIGN_OR_RETURN(const auto kept, records.ReadDocuments(kJobKind, "", kJobsKeptMax + 1));
  for (ImportJob& job : JobsIn(kept)) {
    if (!IsOver(job.state)) changes->push_back(JobChange(DeadJob(std::move(job), message, now_ms)));
  }
  return absl::OkStatus();
}

absl::StatusOr<RecordOutcome> RecordsPlanner::Add(const RecordRequest& request) {
  if (const auto again = again_.find(&request); again != again_.end()) return again->second;
  if (request.remember) {
    const auto here = remembered_.find(request.remember->id);
    if (here != remembered_.end()) return OutcomeAgain(here->second, *request.remember, &request);
  }
  RecordOutcome outcome;
  outcome.status = stopped_;
  if (outcome.status.ok() && request.check) {
    ASSIGN_OR_RETURN(const std::optional<Document> document,
                     store_.records().ReadDocument(request.check->kind, request.check->id));
    outcome.status = request.check->check(document);
  }
  if (!outcome.status.ok()) return outcome;
  changes_->Apply(request, &outcome);
  if (request.all_or_nothing && !outcome.failures.empty()) {
    changes_->TakeBack();
    outcome.status = absl::OutOfRangeError(absl::StrCat(
        outcome.failures.size(), outcome.failures.size() == 1 ? " row" : " rows",
        " of the request cannot be taken, and API_ERROR_ON_FAILURES is on. Nothing was written."));
    return outcome;
  }
  if (request.operation == RecordOperation::kDelete) {
    // Also of those that have no row: it was rejected, and says what was to be in it.
    ASSIGN_OR_RETURN(const bool erased, EraseRejects(store_.records(), request.items, &documents_));
    has_erased_ = has_erased_ || erased;
  }
  if (request.remember) {
    std::string& kept = remembered_[request.remember->id];
    kept = PackedOutcome(*request.remember, outcome);
    documents_.push_back({kAnswerKind, request.remember->id, kept});
  }
  if (request.documents) {
    for (DocumentChange& change : request.documents(outcome)) AddWithPlace(std::move(change), &documents_);
  }
  return outcome;
}

absl::StatusOr<std::optional<Plan>> RecordsPlanner::MakePlan() {
  if (!changes_) return std::nullopt;
  Step step;
  step.table = kPartnerTable;
  step.expected = record_;
  step.record = record_;
  ++step.record->position.lsn.value;
  step.commits = true;
  step.source_ms = now_ms_;
  RETURN_IF_ERROR(changes_->AddTo(&step));
  if (step.actions.empty() && documents_.empty()) return std::nullopt;
  Plan plan;
  plan.now_ms = now_ms_;
  plan.documents = std::move(documents_);
  if (!step.actions.empty()) {
    plan.steps.push_back(std::move(step));
  }
  // Also where it came again since then: its former values were to go.
  if (changes_->has_removed() || has_erased_) {
    RETURN_IF_ERROR(MustErase(store_.records(), tenant_, &plan));
  }
  return plan;
}

absl::Status CheckComesByCycles(const TenantRecord& tenant) {
  if (tenant.door() == Door::kCycles) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the rows of tenant '", tenant.context_id,
                   "' come as records over HTTP, and no source could send them again. Nothing was done."));
}

absl::Status RenewLineage(StoreRecords& records, bool only_stopped, Plan* plan) {
  if (!plan->tenant || plan->tenant->door() != Door::kRecords) return absl::OkStatus();
  const absl::StatusOr<std::optional<TableRecord>> record = records.ReadTable(kPartnerTable);
  if (!record.ok() || !*record) return record.status();
  const bool is_stopped = (*record)->position.lsn.value < 0 || (*record)->state != TableState::kMirrored;
  if (only_stopped && !is_stopped) return absl::OkStatus();
  Step step;
  step.table = kPartnerTable;
  step.expected = *record;
  step.record = *record;
  step.record->state = TableState::kMirrored;
  step.record->pending.reset();
  step.record->position = {.lsn = {std::max<std::int64_t>(0, (*record)->position.lsn.value)},
                           .lineage = NewToken()};
  plan->steps.push_back(std::move(step));
  if (only_stopped) return absl::OkStatus();
  // What a copy says of a job is older than the job: nobody goes on behind the rows that the copy has.
  return EndJobs(
      records,
      "the data source was restored from a backup that was made before this job had ended. Send the "
      "file again, under another Idempotency-Key.",
      plan->now_ms, &plan->documents);
}

absl::StatusOr<std::optional<Plan>> PlanEmptyTable(Store& store, const TenantRecord& tenant,
                                                   const TableRecord& record, const TableSchema& agreed,
                                                   std::int64_t now_ms) {
  Step step;
  step.table = kPartnerTable;
  step.expected = record;
  step.record = record;
  ++step.record->position.lsn.value;
  step.commits = true;
  step.source_ms = now_ms;
  step.record->schema_hash = SchemaHash(agreed);
  step.actions = {AgreeSchema{agreed}, BeginShadow{KeptForm(agreed), tenant.cycle}, SwapShadow{}};
  Plan plan;
  plan.now_ms = now_ms;
  plan.steps = {std::move(step)};
  plan.tenant = tenant;
  RETURN_IF_ERROR(MustErase(store.records(), tenant, &plan));
  ForgetRejects(&plan);
  RETURN_IF_ERROR(EndJobs(store.records(), kJobCleared, now_ms, &plan.documents));
  return plan;
}

absl::StatusOr<std::optional<Plan>> PlanOtherTable(const TenantRecord& tenant, const TableRecord& record,
                                                   const TableSchema& agreed, const std::string& mapper,
                                                   std::int64_t now_ms) {
  if (record.row_count != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("data source '", tenant.context_id,
                     "' has business partners, and its mapper stays as it is. Nothing was done. Clear it "
                     "first, or make another data source."));
  }
  Step step;
  step.table = kPartnerTable;
  step.expected = record;
  step.record = record;
  step.record->schema_hash = SchemaHash(agreed);
  ++step.record->position.lsn.value;
  step.commits = true;
  step.actions = {DropTable{}, CreateTable{.schema = KeptForm(agreed)}, AgreeSchema{agreed}};
  Plan plan;
  plan.now_ms = now_ms;
  plan.steps = {std::move(step)};
  plan.documents = {{kSourceKind, "", mapper}};
  return plan;
}

}  // namespace mirror
