#include "server/tenant/records_planner.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "base/iso_time.h"
#include "base/json_document.h"
#include "base/json_writer.h"
#include "base/nonce.h"
#include "base/status_macros.h"
#include "proto/wire/batch.h"
#include "server/records/import_job.h"
#include "server/records/record_mapper.h"
#include "server/records/record_merge.h"
#include "server/tenant/kept_rejects.h"
#include "server/tenant/mirror/mirror_feed.h"

namespace mirror {
namespace {

/// The first columns of the agreed table; the record is behind them.
constexpr std::array kOwnTexts = {&PartnerRow::external_id, &PartnerRow::id, &PartnerRow::created_at,
                                  &PartnerRow::modified_at};

/// `place`: index in the agreed table.
void SetValue(std::size_t place, std::optional<std::string> value, PartnerRow* row) {
  if (place < kOwnTexts.size()) {
    row->*kOwnTexts[place] = std::move(value).value_or("");
  } else {
    (place < kOwnPartnerColumns ? row->record : row->columns[place - kOwnPartnerColumns]) = std::move(value);
  }
}

std::optional<std::string_view> ValueOf(std::size_t place, const PartnerRow& row) {
  if (place < kOwnTexts.size()) return row.*kOwnTexts[place];
  return place < kOwnPartnerColumns ? row.record : row.columns[place - kOwnPartnerColumns];
}

}  // namespace

absl::StatusOr<std::vector<PartnerRow>> PartnersOf(const TableSchema& agreed, const TableSchema& kept,
                                                   RowBlock* rows) {
  ASSIGN_OR_RETURN(const ChangeBatch batch, BatchOf(kept, rows));
  std::vector<PartnerRow> partners(batch.row_count);
  for (PartnerRow& partner : partners) partner.columns.resize(agreed.columns.size() - kOwnPartnerColumns);
  for (const ColumnView& view : batch.columns) {
    const std::optional<std::uint32_t> place = agreed.Find(kept.columns[view.column].name);
    if (!place) continue;
    for (std::uint32_t row = 0; row < batch.row_count; ++row) {
      const Value value = view.At(row);
      SetValue(*place, value.kind == Kind::kNull ? std::nullopt : std::optional(std::string(value.bytes)),
               &partners[row]);
    }
  }
  return partners;
}

RowBlock BlockOf(const TableSchema& agreed, const std::vector<std::uint32_t>& columns,
                 const std::vector<const PartnerRow*>& rows) {
  RowBlock block = RowBlock::For(agreed, columns);
  for (ColumnBuffer& buffer : block.columns) {
    for (const PartnerRow* const row : rows) {
      const std::optional<std::string_view> value = ValueOf(buffer.column(), *row);
      if (value) {
        buffer.AppendBytes(*value);
      } else {
        buffer.AppendNull();
      }
    }
  }
  return block;
}

namespace {

/// Maximum number of ids of new rows that are created at once.
constexpr std::size_t kNewIdsAtATime = 1'000;

void Fail(const RecordRequest& request, std::size_t place, std::string why, RecordOutcome* outcome) {
  const RecordItem& item = request.items[place];
  outcome->failures.push_back({item.external_id, std::move(why), item.line, place});
}

absl::Status TooMuchStored(const std::string& how_much) {
  return absl::OutOfRangeError(
      absl::StrCat("the business partners of this request have more than ", how_much,
                   " as they are stored, which is more than can be changed at a time. "
                   "Nothing was written. Send them in several requests."));
}

}  // namespace

absl::Status PartnerChanges::Read(StoreRecords& records, const std::vector<const RecordRequest*>& requests) {
  Ids merged, removed, only_removed;
  for (const RecordRequest* const request : requests) {
    Ids& ids = request->operation == RecordOperation::kUpsert ? merged : removed;
    for (const RecordItem& item : request->items) {
      if (item.failure.empty()) ids.push_back(item.external_id);
    }
  }
  for (Ids* const ids : {&merged, &removed}) {
    std::sort(ids->begin(), ids->end());
    ids->erase(std::unique(ids->begin(), ids->end()), ids->end());
  }
  std::set_difference(removed.begin(), removed.end(), merged.begin(), merged.end(),
                      std::back_inserter(only_removed));
  RETURN_IF_ERROR(ReadRows(records, form_.kept, merged));
  // For a row to be deleted, it is enough to know that it exists.
  TableSchema keys = form_.kept;
  std::erase_if(keys.columns, [](const Column& column) { return column.key_position == 0; });
  return ReadRows(records, keys, only_removed);
}

absl::Status PartnerChanges::ReadRows(StoreRecords& records, const TableSchema& kept, const Ids& ids) {
  if (ids.empty()) return absl::OkStatus();
  absl::StatusOr<std::vector<PartnerRow>> rows = std::vector<PartnerRow>();
  {
    absl::StatusOr<RowBlock> block = records.ReadRows(kept, ids, kStoredBytesMax);
    if (absl::IsOutOfRange(block.status())) return TooMuchStored(absl::StrCat(kStoredBytesMax >> 20, " MB"));
    if (!block.ok()) return block.status();
    rows = PartnersOf(form_.agreed, kept, &*block);
  }
  if (!rows.ok()) return rows.status();
  std::size_t values = 0;
  for (PartnerRow& row : *rows) {
    values += row.record ? CountJsonValues(*row.record) : 0;
    // A single row is accepted in any case: nothing else could make it smaller.
    if (values > kStoredValuesMax && rows->size() > 1)
      return TooMuchStored(absl::StrCat(Grouped(kStoredValuesMax), " values"));
    Known& known = rows_[row.external_id];
    known.is_stored = true;
    known.row = std::move(row);
  }
  return absl::OkStatus();
}

void PartnerChanges::Apply(const RecordRequest& request, RecordOutcome* outcome) {
  before_.clear();
  if (request.operation == RecordOperation::kUpsert) {
    Upsert(request, outcome);
  } else {
    Delete(request, outcome);
  }
}

void PartnerChanges::TakeBack() {
  for (auto& [id, known] : before_) rows_[id] = std::move(known);
  before_.clear();
}

PartnerChanges::Known& PartnerChanges::Touch(const RecordRequest& request, const std::string& external_id) {
  Known& known = rows_[external_id];
  if (request.all_or_nothing) before_.emplace(external_id, known);
  return known;
}

void PartnerChanges::Upsert(const RecordRequest& request, RecordOutcome* outcome) {
  // Group items by id: each record is parsed and written once.
  std::vector<std::pair<std::string_view, std::size_t>> by_id;
  for (std::size_t place = 0; place < request.items.size(); ++place) {
    const RecordItem& item = request.items[place];
    if (item.failure.empty()) {
      by_id.emplace_back(item.external_id, place);
    } else {
      Fail(request, place, item.failure, outcome);
    }
  }
  std::sort(by_id.begin(), by_id.end());
  Items items;
  for (std::size_t i = 0; i < by_id.size(); ++i) {
    items.push_back(by_id[i].second);
    if (i + 1 < by_id.size() && by_id[i + 1].first == by_id[i].first) continue;
    UpsertOne(request, items, outcome);
    items.clear();
  }
  std::sort(outcome->failures.begin(), outcome->failures.end(),
            [](const RecordFailure& a, const RecordFailure& b) { return a.item < b.item; });
}

void PartnerChanges::BeginRow(const std::string& external_id, std::size_t more, PartnerRow* row) {
  if (new_ids_.empty()) new_ids_ = NewTokens(std::min(more, kNewIdsAtATime));
  row->external_id = external_id;
  row->id = std::move(new_ids_.back());
  new_ids_.pop_back();
  row->created_at = Iso8601(now_ms_);
  row->modified_at = row->created_at;
}

void PartnerChanges::UpsertOne(const RecordRequest& request, const Items& items, RecordOutcome* outcome) {
  const std::string& id = request.items[items.front()].external_id;
  Known& known = Touch(request, id);
  const bool keeps_record = !form_.is_ruled;
  bool is_there = known.row.has_value();
  MergedPartner merged = is_there ? MergedPartner(form_.mapper, keeps_record, *std::move(known.row))
                                  : MergedPartner(form_.mapper, keeps_record);
  for (const std::size_t place : items) {
    const RecordItem& item = request.items[place];
    if (is_there && !request.updates_known) {
      Fail(request, place, "the external id is known already, and UPSERT_BY_EXTERNAL_ID is not on", outcome);
      continue;
    }
    const absl::StatusOr<bool> changes = merged.Merge(item);
    if (!changes.ok()) {
      Fail(request, place, std::string(changes.status().message()), outcome);
      continue;
    }
    if (!is_there) {
      is_there = known.is_changed = true;
      ++outcome->inserts;
      BeginRow(id, request.items.size(), &merged.row());
    } else {
      ++outcome->updates;
      if (*changes) {
        known.is_changed = true;
        merged.row().modified_at = Iso8601(now_ms_);
      } else {
        ++outcome->unchanged;
      }
    }
    if (keeps_record) continue;
    for (const RecordAttribute& attribute : item.attributes) {
      const std::optional<std::size_t> column = form_.mapper.Find(attribute.name);
      if (column && !form_.mapper.IsExternalId(*column)) known.touched.insert(form_.mapper.ColumnOf(*column));
    }
  }
  known.row = is_there ? std::optional(merged.Take()) : std::nullopt;
}

void PartnerChanges::Delete(const RecordRequest& request, RecordOutcome* outcome) {
  for (std::size_t place = 0; place < request.items.size(); ++place) {
    const RecordItem& item = request.items[place];
    const auto found = rows_.find(item.external_id);
    if (!item.failure.empty()) {
      Fail(request, place, item.failure, outcome);
    } else if (found == rows_.end() || !found->second.row) {
      Fail(request, place, "there is no business partner of this external id", outcome);
    } else {
      Known& known = Touch(request, item.external_id);
      ++outcome->deletes;
      known = {.is_stored = known.is_stored, .is_removed = known.is_stored};
    }
  }
}

absl::Status PartnerChanges::AddChange(Operation operation, const std::vector<const PartnerRow*>& rows,
                                       const std::vector<std::uint32_t>& columns, Step* step) {
  if (rows.empty()) return absl::OkStatus();
  Change& change = changes_.emplace_back();
  change.block = BlockOf(form_.agreed, columns, rows);
  ASSIGN_OR_RETURN(change.batch, BatchOf(form_.agreed, &change.block));
  change.batch.operation = operation;
  if (form_.is_ruled) {
    RETURN_IF_ERROR(ApplyRules(form_.agreed, form_.kept, rules_.hash_key(), &change.batch, &change.ruled));
  }
  step->actions.emplace_back(ApplyRows{.schema = &form_.kept, .batch = &change.batch});
  return absl::OkStatus();
}

std::vector<std::uint32_t> PartnerChanges::UpdatedColumns(const Known& known) const {
  if (!form_.is_ruled) return form_.agreed.AllColumns();
  // Stored values differ from received ones: write only values that came now.
  std::vector<std::uint32_t> columns = {0, 3};
  columns.insert(columns.end(), known.touched.begin(), known.touched.end());
  return columns;
}

absl::Status PartnerChanges::AddTo(Step* step) {
  std::deque<PartnerRow> gone;
  std::vector<const PartnerRow*> inserted, removed;
  std::map<std::vector<std::uint32_t>, std::vector<const PartnerRow*>> updated;
  for (const auto& [id, known] : rows_) {
    if (known.is_removed) {
      removed.push_back(&gone.emplace_back());
      gone.back().external_id = id;
    }
    if (!known.row || !known.is_changed) continue;
    if (known.is_stored && !known.is_removed) {
      updated[UpdatedColumns(known)].push_back(&*known.row);
    } else {
      inserted.push_back(&*known.row);
    }
  }
  has_removed_ = !removed.empty();
  absl::Status added = AddChange(Operation::kDelete, removed, {0}, step);
  for (const auto& [columns, rows] : updated) {
    if (added.ok()) added = AddChange(Operation::kUpdate, rows, columns, step);
  }
  if (added.ok()) added = AddChange(Operation::kInsert, inserted, form_.agreed.AllColumns(), step);
  // The written batches have their own copies.
  rows_.clear();
  return added;
}

namespace {

std::string Packed(const std::string& body_hash, const std::string& kept) {
  return absl::StrCat(body_hash, "\n", kept);
}

absl::Status OtherBody() {
  return absl::OutOfRangeError(
      "this Idempotency-Key was used before with another body. Nothing was done. Use a new key for a new "
      "request.");
}

absl::Status NotKept() {
  return absl::FailedPreconditionError(
      "this request was answered before, and its answer is not kept any more. Nothing was done. To do it "
      "again, send it under another Idempotency-Key.");
}

/// Parses what PackedOutcome() kept.
std::optional<RecordOutcome> OutcomeIn(std::string_view kept, const RecordRequest& request) {
  const absl::StatusOr<JsonDocument> document = JsonDocument::Parse(kept);
  if (!document.ok()) return std::nullopt;
  const JsonView root = document->root();
  const std::optional<JsonView> failures = root.Find("failures");
  if (!failures) return std::nullopt;
  RecordOutcome outcome;
  outcome.inserts = root.NumberOf("inserts");
  outcome.updates = root.NumberOf("updates");
  outcome.unchanged = root.NumberOf("unchanged");
  outcome.deletes = root.NumberOf("deletes");
  for (const JsonView& failure : failures->Elements()) {
    const std::size_t item = failure.NumberOf("item");
    if (item >= request.items.size()) return std::nullopt;
    outcome.failures.push_back({.external_id = request.items[item].external_id,
                                .message = failure.TextOf("message"),
                                .line = request.items[item].line,
                                .item = item});
  }
  return outcome;
}

}  // namespace

std::string PackedOutcome(const RememberedRequest& remember, const RecordOutcome& outcome) {
  JsonWriter json;
  json.Begin('{')
      .Member("inserts", outcome.inserts)
      .Member("updates", outcome.updates)
      .Member("unchanged", outcome.unchanged)
      .Member("deletes", outcome.deletes)
      .Key("failures")
      .Begin('[');
  for (const RecordFailure& failure : outcome.failures) {
    json.Begin('{')
        .Member("item", static_cast<std::uint64_t>(failure.item))
        .Member("message", failure.message)
        .End('}');
  }
  return Packed(remember.body_hash, json.End(']').End('}').Take());
}

RecordOutcome OutcomeAgain(const std::string& packed, const RememberedRequest& remember,
                           const RecordRequest* request) {
  const std::size_t end = packed.find('\n');
  RecordOutcome outcome;
  if (packed.substr(0, end) != remember.body_hash) {
    outcome.status = OtherBody();
  } else if (request == nullptr || !remember.answer) {
    outcome.remembered = packed.substr(end + 1);
  } else if (const std::optional<RecordOutcome> kept =
                 OutcomeIn(std::string_view(packed).substr(end + 1), *request)) {
    outcome.remembered = remember.answer(*kept);
  } else {
    outcome.status = NotKept();
  }
  return outcome;
}

absl::StatusOr<std::optional<RecordOutcome>> FindRememberedIn(StoreRecords& records,
                                                              const RememberedRequest& remember,
                                                              std::int64_t now_ms,
                                                              const RecordRequest* request) {
  ASSIGN_OR_RETURN(const std::optional<Document> found, records.ReadDocument(kAnswerKind, remember.id));
  if (!found || found->at_ms <= now_ms - kAnswersKeptMs) return std::nullopt;
  return OutcomeAgain(found->text, remember, request);
}

DocumentChange RememberedChange(const RememberedRequest& remember, const std::string& answer) {
  return {kAnswerKind, remember.id, Packed(remember.body_hash, answer)};
}

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
                        tenant.context_id, "' lets it continue.");
  }
  return "";
}

absl::Status RecordsPlanner::Begin(const TenantRecord& tenant,
                                   const std::vector<const RecordRequest*>& requests,
                                   std::shared_ptr<const RecordsForm>* form) {
  if (tenant.door() != Door::kRecords) return NotOfRecords(tenant);
  tenant_ = tenant;
  // Earlier answers first: they are repeated, whatever happened to the source since.
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
    // Also for ids without a row: a rejected row has an entry with its values.
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
  // Also if the row was created again since: its former values must be erased.
  if (changes_->has_removed() || has_erased_) RETURN_IF_ERROR(MustErase(store_.records(), tenant_, &plan));
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
  // The copy's state of a job is older than the job: no job can continue after the copy's rows.
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
                     "' has business partners: its mapper cannot be changed. Nothing was done. Clear it "
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
