#include "server/tenant/records/records_planner.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/iso_time.h"
#include "base/json/json_document.h"
#include "base/nonce.h"
#include "server/records/import_job.h"
#include "server/tenant/records/partner_rows.h"

namespace mirror {
namespace {

/// How often what is remembered for too long is looked for, in commits.
constexpr std::int64_t kBoundEvery = 256;

absl::Status ErasedSince() {
  return absl::FailedPreconditionError(
      "this request was answered before, and its answer was erased since, as a record that it names was "
      "deleted. Nothing was done. Send it under another Idempotency-Key if it is to be done again.");
}

absl::Status OtherBody() {
  return absl::OutOfRangeError(
      "this Idempotency-Key came before with another body. Nothing was done. Use a new key for a new "
      "request.");
}

std::string Packed(const std::string& body_hash, const std::string& answer) {
  return absl::StrCat(body_hash, "\n", answer);
}

RecordOutcome OutcomeOf(const std::string& packed, const RememberedRequest& remember) {
  const std::size_t end = packed.find('\n');
  RecordOutcome outcome;
  if (packed.substr(0, end) != remember.body_hash) {
    outcome.status = OtherBody();
  } else if (end + 1 == packed.size()) {
    outcome.status = ErasedSince();
  } else {
    outcome.remembered = packed.substr(end + 1);
  }
  return outcome;
}

std::string Erased(const std::string& packed) { return packed.substr(0, packed.find('\n') + 1); }

/// Adds what erases the kept answers that `names_one` is true of.
absl::Status EraseNaming(StoreRecords& records, const std::function<bool(const std::string&)>& names_one,
                         std::vector<DocumentChange>* changes) {
  constexpr std::size_t kPage = 1'000;
  std::string from;
  while (true) {
    const auto page = records.ReadDocuments(kNamingAnswerKind, from, kPage);
    if (!page.ok()) return page.status();
    for (const Document& answer : *page) {
      if (names_one(answer.text)) changes->push_back({answer.kind, answer.id, Erased(answer.text)});
    }
    if (page->size() < kPage) return absl::OkStatus();
    from = page->back().id + '\1';  // No id stands between the two.
  }
}

/// Adds what removes the rejects of import jobs that `names_one` is true of.
absl::Status RemoveRejects(StoreRecords& records, const std::function<bool(const std::string&)>& names_one,
                           std::vector<DocumentChange>* changes) {
  constexpr std::size_t kPage = 1'000;
  std::string from;
  while (true) {
    const auto page = records.ReadDocuments(kRejectKind, from, kPage);
    if (!page.ok()) return page.status();
    for (const Document& reject : *page) {
      if (names_one(reject.text)) changes->push_back({reject.kind, reject.id, std::nullopt});
    }
    if (page->size() < kPage) return absl::OkStatus();
    from = page->back().id + '\1';
  }
}

/// Adds what erases the columns that jobs name where `names_one` is true of the job.
absl::Status EraseColumns(StoreRecords& records, const std::function<bool(const std::string&)>& names_one,
                          std::vector<DocumentChange>* changes) {
  const auto kept = records.ReadDocuments(kJobKind, "", kJobsKeptMax + 1);
  if (!kept.ok()) return kept.status();
  for (const Document& document : *kept) {
    const std::optional<ImportJob> job = JobOf(document.text);
    std::optional<DocumentChange> without = job ? JobWithoutColumns(*job) : std::nullopt;
    std::string message;
    if (without) AppendJsonString(job->message, &message);
    if (without && names_one(message)) changes->push_back(*std::move(without));
  }
  return absl::OkStatus();
}

void Fail(const RecordItem& item, std::string why, RecordOutcome* outcome) {
  outcome->failures.push_back({item.external_id, std::move(why), item.line});
}

}  // namespace

absl::Status NotOfRecords(const TenantRecord& tenant) {
  return absl::FailedPreconditionError(
      absl::StrCat("the rows of '", tenant.context_id, "' come by cycles of ",
                   tenant.source_id.empty() ? std::string("its source")
                                            : absl::StrCat("the source '", tenant.source_id, "'"),
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
  absl::StatusOr<std::optional<TableRecord>> record = store_.records().ReadTable(kPartnerTable);
  if (!record.ok()) return record.status();
  record_ = *std::move(record);
  if (std::string why = StoppedWhy(tenant, record_); !why.empty())
    return absl::FailedPreconditionError(std::move(why));
  absl::StatusOr<std::shared_ptr<const RecordsForm>> found =
      ReadForm(store_.records(), tenant.context_id, *record_, rules_, *form);
  if (!found.ok()) return found.status();
  form_ = *form = *std::move(found);
  std::set<std::string> ids;
  for (const RecordRequest* const request : requests) {
    for (const RecordItem& item : request->items) {
      if (item.failure.empty()) ids.insert(item.external_id);
    }
  }
  absl::StatusOr<RowBlock> block =
      store_.records().ReadRows(form_->kept, std::vector<std::string>(ids.begin(), ids.end()));
  if (!block.ok()) return block.status();
  absl::StatusOr<std::vector<PartnerRow>> rows = PartnersOf(form_->agreed, form_->kept, &*block);
  if (!rows.ok()) return rows.status();
  for (PartnerRow& row : *rows) {
    Known& known = rows_[row.external_id];
    known.after.now = row;
    known.before = std::move(row);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<RecordOutcome>> FindRememberedIn(StoreRecords& records,
                                                              const RememberedRequest& remember,
                                                              std::int64_t now_ms) {
  for (const char* const kind : {kAnswerKind, kNamingAnswerKind}) {
    const absl::StatusOr<std::optional<Document>> found = records.ReadDocument(kind, remember.id);
    if (!found.ok()) return found.status();
    if (*found && (*found)->at_ms > now_ms - kAnswersKeptMs) return OutcomeOf((*found)->text, remember);
  }
  return std::nullopt;
}

DocumentChange RememberedChange(const RememberedRequest& remember, const std::string& answer) {
  return {kAnswerKind, remember.id, Packed(remember.body_hash, answer)};
}

absl::Status EndJobs(StoreRecords& records, const std::string& message, std::int64_t now_ms,
                     std::vector<DocumentChange>* changes) {
  const auto kept = records.ReadDocuments(kJobKind, "", kJobsKeptMax + 1);
  if (!kept.ok()) return kept.status();
  for (const Document& document : *kept) {
    std::optional<ImportJob> job = JobOf(document.text);
    if (!job || IsOver(job->state)) continue;
    job->state = JobState::kDied;
    job->message = message;
    job->modified_ms = now_ms;
    changes->push_back(JobChange(*job));
  }
  return absl::OkStatus();
}

absl::Status PruneJobs(StoreRecords& records, std::vector<DocumentChange>* changes) {
  const auto kept = records.ReadDocuments(kJobKind, "", kJobsKeptMax + 1);
  if (!kept.ok()) return kept.status();
  if (kept->size() < kJobsKeptMax) return absl::OkStatus();
  const Document* oldest = nullptr;
  for (const Document& one : *kept) {
    const std::optional<ImportJob> job = JobOf(one.text);
    if (job && !IsOver(job->state)) continue;
    if (oldest == nullptr || one.at_ms < oldest->at_ms) oldest = &one;
  }
  if (oldest == nullptr)
    return absl::ResourceExhaustedError("too many import jobs wait. Nothing was started.");
  const auto rejects = records.ReadDocuments(kRejectKind, RejectId(oldest->id, 0), kRejectsKeptMax);
  if (!rejects.ok()) return rejects.status();
  for (const Document& reject : *rejects) {
    if (!reject.id.starts_with(oldest->id + "/")) break;
    changes->push_back({kRejectKind, reject.id, std::nullopt});
  }
  changes->push_back({kJobKind, oldest->id, std::nullopt});
  return absl::OkStatus();
}

absl::StatusOr<std::optional<RecordOutcome>> RecordsPlanner::FindRemembered(
    const RememberedRequest& remember) {
  const auto here = remembered_.find(remember.id);
  if (here != remembered_.end()) return OutcomeOf(here->second, remember);
  return FindRememberedIn(store_.records(), remember, now_ms_);
}

absl::StatusOr<RecordOutcome> RecordsPlanner::Add(const RecordRequest& request) {
  if (request.remember) {
    absl::StatusOr<std::optional<RecordOutcome>> known = FindRemembered(*request.remember);
    if (!known.ok()) return known.status();
    if (*known) return **std::move(known);
  }
  RecordOutcome outcome;
  if (request.check) {
    const absl::StatusOr<std::optional<Document>> document =
        store_.records().ReadDocument(request.check->kind, request.check->id);
    if (!document.ok()) return document.status();
    outcome.status = request.check->check(*document);
    if (!outcome.status.ok()) return outcome;
  }
  Changes changed;
  if (request.operation == RecordOperation::kUpsert) {
    Upsert(request, &changed, &outcome);
  } else {
    Delete(request, &changed, &outcome);
  }
  if (request.all_or_nothing && !outcome.failures.empty()) {
    outcome.status = absl::OutOfRangeError(absl::StrCat(
        outcome.failures.size(), outcome.failures.size() == 1 ? " row" : " rows",
        " of the request cannot be taken, and API_ERROR_ON_FAILURES is on. Nothing was written."));
    return outcome;
  }
  for (auto& [id, after] : changed) {
    if (!after.now) deleted_.push_back(id);
    rows_[id].after = std::move(after);
  }
  if (request.remember) {
    const std::string answer = request.remember->answer(outcome);
    remembered_[request.remember->id] = Packed(request.remember->body_hash, answer);
    const bool names_ids = !outcome.failures.empty();
    documents_.push_back({names_ids ? kNamingAnswerKind : kAnswerKind, request.remember->id,
                          remembered_[request.remember->id]});
  }
  if (request.documents) {
    for (DocumentChange& change : request.documents(outcome)) documents_.push_back(std::move(change));
  }
  return outcome;
}

RecordsPlanner::Changed RecordsPlanner::Find(const std::string& external_id, const Changes& changed) const {
  if (const auto here = changed.find(external_id); here != changed.end()) return here->second;
  const auto known = rows_.find(external_id);
  return known == rows_.end() ? Changed{} : known->second.after;
}

void RecordsPlanner::Touch(const RecordItem& item, std::set<std::uint32_t>* columns) const {
  if (!form_->is_ruled) return;
  for (const RecordAttribute& attribute : item.attributes) {
    const std::optional<std::size_t> place = form_->mapper.Find(attribute.name);
    if (place && !form_->mapper.IsExternalId(*place)) columns->insert(form_->mapper.ColumnOf(*place));
  }
}

void RecordsPlanner::Upsert(const RecordRequest& request, Changes* changed, RecordOutcome* outcome) {
  const std::string now = Iso8601(now_ms_);
  for (const RecordItem& item : request.items) {
    if (!item.failure.empty()) {
      Fail(item, item.failure, outcome);
      continue;
    }
    Changed after = Find(item.external_id, *changed);
    const std::optional<PartnerRow> before = std::move(after.now);
    if (before && !request.updates_known) {
      Fail(item, "the external id is known already, and UPSERT_BY_EXTERNAL_ID is not on", outcome);
      continue;
    }
    PartnerRow row = before.value_or(PartnerRow{});
    if (absl::Status merged = MergeRecord(form_->mapper, item, !form_->is_ruled, &row); !merged.ok()) {
      Fail(item, std::string(merged.message()), outcome);
      continue;
    }
    if (!before) {
      row.external_id = item.external_id;
      if (new_ids_.empty()) new_ids_ = NewTokens(std::min<std::size_t>(request.items.size(), 1'000));
      row.id = std::move(new_ids_.back());
      new_ids_.pop_back();
      row.created_at = now;
      row.modified_at = now;
      after.is_new = true;
      ++outcome->inserts;
    } else {
      ++outcome->updates;
      if (row == *before && !form_->is_ruled) {
        ++outcome->unchanged;
      } else {
        row.modified_at = now;
      }
    }
    Touch(item, &after.touched);
    after.now = std::move(row);
    (*changed)[item.external_id] = std::move(after);
  }
}

void RecordsPlanner::Delete(const RecordRequest& request, Changes* changed, RecordOutcome* outcome) {
  for (const RecordItem& item : request.items) {
    if (!item.failure.empty()) {
      Fail(item, item.failure, outcome);
    } else if (!Find(item.external_id, *changed).now) {
      Fail(item, "there is no business partner of this external id", outcome);
    } else {
      ++outcome->deletes;
      (*changed)[item.external_id] = {};
    }
  }
}

absl::Status RecordsPlanner::EraseAnswers(const std::vector<std::string>& external_ids) {
  if (external_ids.empty()) return absl::OkStatus();
  std::vector<std::string> named;
  for (const std::string& id : external_ids) AppendJsonString(id, &named.emplace_back());
  const auto names_one = [&](const std::string& text) {
    return std::any_of(named.begin(), named.end(),
                       [&](const std::string& id) { return text.find(id) != std::string::npos; });
  };
  for (DocumentChange& change : documents_) {
    if (change.kind == kNamingAnswerKind && change.text && names_one(*change.text))
      change.text = Erased(*change.text);
  }
  if (absl::Status erased = EraseNaming(store_.records(), names_one, &documents_); !erased.ok())
    return erased;
  // In a rejected row an id may stand without quotes.
  for (std::string& id : named) id = id.substr(1, id.size() - 2);
  if (absl::Status erased = EraseColumns(store_.records(), names_one, &documents_); !erased.ok())
    return erased;
  return RemoveRejects(store_.records(), names_one, &documents_);
}

absl::Status RecordsPlanner::AddChange(Operation operation, const std::vector<const PartnerRow*>& rows,
                                       const std::vector<std::uint32_t>& columns, Step* step) {
  if (rows.empty()) return absl::OkStatus();
  Change& change = changes_.emplace_back();
  change.block = BlockOf(form_->agreed, columns, rows);
  absl::StatusOr<ChangeBatch> batch = BatchOf(form_->agreed, &change.block);
  if (!batch.ok()) return batch.status();
  change.batch = *std::move(batch);
  change.batch.operation = operation;
  if (form_->is_ruled) {
    absl::Status ruled =
        ApplyRules(form_->agreed, form_->kept, rules_.hash_key(), &change.batch, &change.ruled);
    if (!ruled.ok()) return ruled;
  }
  step->actions.emplace_back(ApplyRows{.schema = &form_->kept, .batch = &change.batch});
  return absl::OkStatus();
}

std::vector<std::uint32_t> RecordsPlanner::UpdatedColumns(const Changed& changed) const {
  std::vector<std::uint32_t> columns;
  if (!form_->is_ruled || changed.is_new) {
    columns.resize(form_->agreed.columns.size());
    std::iota(columns.begin(), columns.end(), 0U);
    return columns;
  }
  // What is stored is not what came: only what came now is written.
  columns = {0, 3};
  columns.insert(columns.end(), changed.touched.begin(), changed.touched.end());
  return columns;
}

absl::StatusOr<std::optional<Plan>> RecordsPlanner::MakePlan() {
  std::vector<const PartnerRow*> inserted, removed;
  std::map<std::vector<std::uint32_t>, std::vector<const PartnerRow*>> updated;
  for (const auto& [id, known] : rows_) {
    const std::optional<PartnerRow>& now = known.after.now;
    if (!known.before && now) {
      inserted.push_back(&*now);
    } else if (known.before && !now) {
      removed.push_back(&*known.before);
    } else if (known.before && now && *known.before != *now) {
      updated[UpdatedColumns(known.after)].push_back(&*now);
    }
  }
  if (absl::Status erased = EraseAnswers(deleted_); !erased.ok()) return erased;
  Step step;
  step.table = kPartnerTable;
  step.expected = record_;
  step.record = record_;
  ++step.record->position.lsn.value;
  step.source_ms = now_ms_;
  std::vector<std::uint32_t> all(form_->agreed.columns.size());
  std::iota(all.begin(), all.end(), 0U);
  absl::Status added = AddChange(Operation::kDelete, removed, {0}, &step);
  for (const auto& [columns, rows] : updated) {
    if (added.ok()) added = AddChange(Operation::kUpdate, rows, columns, &step);
  }
  if (added.ok()) added = AddChange(Operation::kInsert, inserted, all, &step);
  if (!added.ok()) return added;
  if (step.actions.empty() && documents_.empty()) return std::nullopt;
  Plan plan;
  plan.now_ms = now_ms_;
  plan.documents = std::move(documents_);
  if (step.record->position.lsn.value % kBoundEvery == 0) {
    for (const char* const kind : {kAnswerKind, kNamingAnswerKind})
      plan.document_bounds.push_back({kind, now_ms_ - kAnswersKeptMs, kAnswersMax});
  }
  if (!step.actions.empty()) plan.steps.push_back(std::move(step));
  // Also where it came again since then: its former values were to go.
  if (!deleted_.empty() && !tenant_.scrub) {
    plan.tenant = tenant_;
    plan.tenant->scrub = true;
    plan.documents.push_back({kErasureKind, "", ""});
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
  step.source_ms = now_ms;
  step.record->schema_hash = SchemaHash(agreed);
  step.actions = {AgreeSchema{agreed}, BeginShadow{KeptForm(agreed), tenant.cycle}, SwapShadow{}};
  Plan plan;
  plan.now_ms = now_ms;
  plan.steps = {std::move(step)};
  plan.tenant = tenant;
  plan.tenant->scrub = true;
  // Since when something waits to be erased: the first deletion counts.
  if (!tenant.scrub) plan.documents.push_back({kErasureKind, "", ""});
  const auto all = [](const std::string&) { return true; };
  absl::Status erased = EraseNaming(store.records(), all, &plan.documents);
  if (erased.ok()) erased = RemoveRejects(store.records(), all, &plan.documents);
  if (erased.ok()) erased = EndJobs(store.records(), kJobCleared, now_ms, &plan.documents);
  if (erased.ok()) erased = EraseColumns(store.records(), all, &plan.documents);
  if (!erased.ok()) return erased;
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
  step.actions = {DropTable{}, CreateTable{.schema = KeptForm(agreed)}, AgreeSchema{agreed}};
  Plan plan;
  plan.now_ms = now_ms;
  plan.steps = {std::move(step)};
  plan.documents = {{kSourceKind, "", mapper}};
  return plan;
}

}  // namespace mirror
