#include "server/tenant/records_calls.h"

#include <algorithm>
#include <limits>
#include <map>
#include <new>
#include <set>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/nonce.h"
#include "base/shared_clock.h"
#include "base/status_macros.h"
#include "server/plan/cycle_check.h"
#include "server/records/record_mapper.h"
#include "server/tenant/kept_rejects.h"
#include "server/tenant/mirror/mirror_feed.h"
#include "server/tenant/records_planner.h"

namespace mirror {
namespace {

/// Intends to write only rows, the table's record and documents.
Intent ForRows() { return {.tables = {kPartnerTable}, .changes_tables = false}; }

/// Commits with an answer between two searches for expired answers.
constexpr std::uint64_t kBoundAnswersEvery = 256;

/// Rows of a page are read in blocks of this size: rows after the page are read in vain.
constexpr std::size_t kPageBlockBytes = 64 << 10;
/// Rows read by id that are in memory at a time: a row may have some MB.
constexpr std::size_t kIdsAtATime = 8;

absl::Status ComesByCycles(const TenantRecord& tenant) {
  return absl::FailedPreconditionError(
      absl::StrCat("the rows of '", tenant.context_id,
                   "' come by cycles, and are not business partners. Nothing was read. Read its tables by "
                   "'records/{table}'."));
}

/// Created once and kept: where it is needed there is no memory to create it.
const absl::Status& NoMemory() {
  static const absl::Status status = absl::UnavailableError(
      "there is no memory left to write this. Whether it was written is not known; the same request again is "
      "safe under the same Idempotency-Key.");
  return status;
}

absl::Status NoticedOf(Mirror& mirror, const absl::Status& status) MIRROR_REQUIRES(mirror.mutex()) {
  return ToRecordsStatus(mirror.QuarantineIfDamaged(status));
}

template <typename Value>
absl::StatusOr<Value> NoticedOf(Mirror& mirror, absl::StatusOr<Value> value) MIRROR_REQUIRES(mirror.mutex()) {
  if (!value.ok()) return NoticedOf(mirror, value.status());
  return value;
}

absl::Status FirstFailure(const Committed& committed) {
  for (const StepResult& step : committed.result.steps) {
    if (!step.status.ok()) return step.status;
  }
  return absl::OkStatus();
}

/// Returns the record of the partners' table if it accepts writes.
absl::StatusOr<TableRecord> ReadWritable(StoreRecords& records, const TenantRecord& tenant) {
  if (tenant.door() != Door::kRecords) return NotOfRecords(tenant);
  ASSIGN_OR_RETURN(const std::optional<TableRecord> record, records.ReadTable(kPartnerTable));
  if (std::string why = StoppedWhy(tenant, record); !why.empty()) {
    return absl::FailedPreconditionError(std::move(why));
  }
  return *record;
}

/// See RecordsCalls::EndErasing(). Absent: another server wrote in between.
absl::StatusOr<std::optional<Plan>> PlanEndOfErasing(StoreRecords& records, const TenantRecord& tenant,
                                                     const std::string& erasing, bool is_all,
                                                     std::int64_t now_ms) {
  if (!tenant.scrub || tenant.door() != Door::kRecords) return std::nullopt;
  ASSIGN_OR_RETURN(const std::optional<Document> kept, records.ReadDocument(kErasureKind, kErasingId));
  // Another server deleted data since, or erases itself: the rest is checked again.
  if (!kept || kept->text != erasing) return std::nullopt;
  Plan plan;
  plan.now_ms = now_ms;
  if (!is_all) {
    if (erasing.starts_with(kScrubbed)) return std::nullopt;
    plan.documents = {{kErasureKind, kErasingId, absl::StrCat(kScrubbed, erasing)}};
    return plan;
  }
  plan.tenant = tenant;
  plan.tenant->scrub = false;
  plan.documents = {{kErasureKind, "", std::nullopt}, {kErasureKind, kErasingId, std::nullopt}};
  return plan;
}

}  // namespace

absl::StatusOr<MirrorContents> NewRecordsMirror(const std::string& context_id, const RecordMapper& mapper,
                                                const ColumnRules& rules, std::int64_t now_ms) {
  ASSIGN_OR_RETURN(TableSchema agreed, PartnerTableOf(mapper, rules));
  MirrorContents contents;
  contents.tenant.context_id = context_id;
  contents.tenant.issuer = kRecordsIssuer;
  contents.tenant.clock_ms = now_ms;
  TableRecord& record = contents.records.emplace_back();
  record.table = kPartnerTable;
  record.schema_hash = SchemaHash(agreed);
  record.position = {.lsn = {0}, .lineage = NewToken()};
  record.row_count = 0;
  TableSchema kept = KeptForm(agreed);
  contents.tables.push_back({std::move(agreed), std::move(kept)});
  contents.documents.push_back({kSourceKind, "", MapperJson(mapper), now_ms});
  return contents;
}

RecordOutcome RecordsCalls::ApplyRecords(const RecordRequest& request, std::int64_t now_ms) {
  Waiting waiting{.request = request, .now_ms = now_ms, .outcome = {.status = NoMemory()}};
  CommitQueue<Waiting>::Place place(queue_, {&waiting});
  while (place.MustLead()) {
    // Whatever happens, the other threads must not wait for ever.
    const CommitQueue<Waiting>::Leading leading(queue_);
    const MutexLock lock(mirror_.mutex());
    try {
      CommitGroup(queue_.Take());
    } catch (const std::bad_alloc&) {
      // The state of the transaction is unknown.
      for (Waiting* const one : queue_.taken()) one->outcome = RecordOutcome{.status = NoMemory()};
      mirror_.Close();
    }
  }
  return std::move(waiting.outcome);
}

void RecordsCalls::CommitGroup(const std::vector<Waiting*>& group) {
  const auto answer = [](Waiting& waiting, const absl::Status& status) {
    waiting.outcome = RecordOutcome{.status = status};
  };
  absl::Status status = TryGroup(group);
  if (status.ok()) return;
  if (group.size() == 1) return answer(*group.front(), status);
  // The error may be about one of them only.
  for (Waiting* const one : group) {
    if (absl::Status alone = TryGroup({one}); !alone.ok()) answer(*one, alone);
  }
}

absl::Status RecordsCalls::TryGroup(const std::vector<Waiting*>& group) {
  RETURN_IF_ERROR(OpenRecordsMirror(group.front()->now_ms));
  std::vector<const RecordRequest*> requests;
  std::int64_t now_ms = 0;
  for (const Waiting* const one : group) {
    requests.push_back(&one->request);
    now_ms = std::max(now_ms, one->now_ms);
  }
  std::optional<RecordsPlanner> planner;
  Writing writing(ForRows());
  while (mirror_.Begin(writing)) {
    planner.emplace(*mirror_.store(), mirror_.agreed().rules(), now_ms);
    absl::Status added = planner->Begin(writing.tenant(), requests, &form_);
    for (auto one = group.begin(); one != group.end() && added.ok(); ++one) {
      absl::StatusOr<RecordOutcome> outcome = planner->Add((*one)->request);
      added = outcome.status();
      if (added.ok()) (*one)->outcome = *std::move(outcome);
    }
    absl::StatusOr<std::optional<Plan>> plan = added.ok() ? planner->MakePlan() : added;
    if (plan.ok() && *plan) Bound(&**plan);
    writing.Commit(std::move(plan));
  }
  const absl::StatusOr<std::optional<Committed>> committed = mirror_.Finish(writing);
  if (!committed.ok()) return ToRecordsStatus(committed.status());
  if (!*committed) return absl::OkStatus();
  const absl::Status failed = FirstFailure(**committed);
  if (failed.ok()) NoteWritten((*committed)->plan, now_ms);
  return failed;
}

void RecordsCalls::NoteWritten(const Plan& plan, std::int64_t now_ms) {
  std::uint64_t rows = 0;
  std::int64_t more = 0;
  for (const Step& step : plan.steps) {
    for (const Action& action : step.actions) {
      const auto* const apply = std::get_if<ApplyRows>(&action);
      if (apply == nullptr) continue;
      rows += apply->batch->row_count;
      if (apply->batch->operation == Operation::kInsert) more += apply->batch->row_count;
      if (apply->batch->operation == Operation::kDelete) more -= apply->batch->row_count;
    }
    // The row count was read under the writer lock, so it is right even if other servers write.
    if (step.record && step.expected && step.expected->row_count >= 0) {
      mirror_.seen().NoteRecords(step.expected->row_count + more, step.record->position.lsn.value);
    }
  }
  if (rows == 0) return;
  mirror_.options().records_changed(mirror_.context_id());
  mirror_.seen().book().NoteRecords(rows, now_ms);
  mirror_.seen().NoteProgress(now_ms);
}

void RecordsCalls::Bound(Plan* plan) {
  BoundRejects(plan);
  const bool keeps_answers =
      std::any_of(plan->documents.begin(), plan->documents.end(),
                  [](const DocumentChange& change) { return change.kind == kAnswerKind && change.text; });
  if (keeps_answers && commits_with_answers_++ % kBoundAnswersEvery == 0)
    plan->document_bounds.push_back({kAnswerKind, plan->now_ms - kAnswersKeptMs, kAnswersMax});
}

absl::Status RecordsCalls::OpenRecordsMirror(std::int64_t now_ms) {
  if (mirror_.file().retired) {
    // Also if nothing was known of the tenant yet.
    return absl::NotFoundError(
        absl::StrCat("'", mirror_.context_id(), "' is being deleted. Nothing was done."));
  }
  return OpenForOperator(mirror_, now_ms);
}

absl::Status RecordsCalls::ChangeTable(const TablePlanner& planner, std::int64_t now_ms) {
  RETURN_IF_ERROR(OpenRecordsMirror(now_ms));
  Writing writing;
  while (mirror_.Begin(writing)) {
    const TenantRecord& tenant = writing.tenant();
    const absl::StatusOr<TableRecord> record = ReadWritable(mirror_.store()->records(), tenant);
    writing.Commit(record.ok() ? planner(*mirror_.store(), tenant, *record) : record.status());
  }
  const absl::StatusOr<std::optional<Committed>> committed = mirror_.Finish(writing);
  mirror_.seen().NoteDocuments();
  if (!committed.ok()) return ToRecordsStatus(committed.status());
  mirror_.options().records_changed(mirror_.context_id());
  mirror_.agreed().Forget();
  mirror_.Summarize(Look::kAll);
  return FirstFailure(**committed);
}

absl::StatusOr<std::uint64_t> RecordsCalls::ClearRecords(std::int64_t now_ms) {
  const MutexLock lock(mirror_.mutex());
  std::uint64_t rows = 0;
  absl::Status cleared = ChangeTable(
      [&](Store& store, const TenantRecord& tenant,
          const TableRecord& record) MIRROR_REQUIRES(mirror_.mutex()) -> absl::StatusOr<std::optional<Plan>> {
        rows = static_cast<std::uint64_t>(std::max<std::int64_t>(0, record.row_count));
        ASSIGN_OR_RETURN(const std::optional<Document> source, store.records().ReadDocument(kSourceKind, ""));
        const absl::StatusOr<RecordMapper> mapper =
            source ? MapperOf(source->text) : absl::StatusOr<RecordMapper>(RecordMapper::Default());
        if (!mapper.ok()) return mapper.status();
        // The configured rules for its columns may have changed.
        ASSIGN_OR_RETURN(const TableSchema agreed, PartnerTableOf(*mapper, mirror_.agreed().rules()));
        return PlanEmptyTable(store, tenant, record, agreed, now_ms);
      },
      now_ms);
  if (!cleared.ok()) return cleared;
  return rows;
}

absl::Status RecordsCalls::SetMapper(const RecordMapper& mapper, std::int64_t now_ms,
                                     const RecordsCheck& check) {
  const MutexLock lock(mirror_.mutex());
  return ChangeTable(
      [&](Store& store, const TenantRecord& tenant, const TableRecord& record)
          MIRROR_REQUIRES(mirror_.mutex()) -> absl::StatusOr<std::optional<Plan>> {
            const absl::Status checked = check ? check(store.records()) : absl::OkStatus();
            if (!checked.ok()) return checked;
            ASSIGN_OR_RETURN(const TableSchema agreed, PartnerTableOf(mapper, mirror_.agreed().rules()));
            RETURN_IF_ERROR(store.CheckTable(KeptForm(agreed)));
            return PlanOtherTable(tenant, record, agreed, MapperJson(mapper), now_ms);
          },
      now_ms);
}

absl::StatusOr<RecordMapper> RecordsCalls::ReadMapper() {
  ASSIGN_OR_RETURN(const std::optional<Document> source, FindDocument(kSourceKind, ""));
  if (!source) return absl::NotFoundError("it is not a source of records");
  return MapperOf(source->text);
}

absl::StatusOr<std::optional<TableSchema>> RecordsCalls::ReadAgreedPartners() {
  RETURN_IF_ERROR(OpenRecordsMirror(SharedNowMs()));
  ASSIGN_OR_RETURN(const TenantRecord tenant, ReadTenantOf(mirror_, SharedNowMs()));
  if (tenant.door() != Door::kRecords) return ComesByCycles(tenant);
  return NoticedOf(mirror_, mirror_.store()->records().ReadSchema(kPartnerTable));
}

absl::Status RecordsCalls::ReadPartners(const std::vector<std::string>& external_ids,
                                        const TakePartner& take) {
  for (std::size_t from = 0; from < external_ids.size(); from += kIdsAtATime) {
    const std::size_t end = std::min(external_ids.size(), from + kIdsAtATime);
    const std::set<std::string> ids(external_ids.begin() + static_cast<std::ptrdiff_t>(from),
                                    external_ids.begin() + static_cast<std::ptrdiff_t>(end));
    std::map<std::string_view, const PartnerRow*> by_id;
    std::vector<PartnerRow> rows;
    {
      const MutexLock lock(mirror_.mutex());
      ASSIGN_OR_RETURN(const std::optional<TableSchema> agreed, ReadAgreedPartners());
      if (agreed) {
        const TableSchema kept = KeptForm(*agreed);
        ASSIGN_OR_RETURN(
            RowBlock block,
            NoticedOf(mirror_, mirror_.store()->records().ReadRows(
                                   kept, std::vector<std::string>(ids.begin(), ids.end()), kAnyBytes)));
        ASSIGN_OR_RETURN(rows, PartnersOf(*agreed, kept, &block));
      }
    }
    for (const PartnerRow& row : rows) by_id[row.external_id] = &row;
    for (std::size_t i = from; i < end; ++i) {
      const auto found = by_id.find(external_ids[i]);
      if (!take(external_ids[i], found == by_id.end() ? nullptr : found->second)) return absl::OkStatus();
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::uint64_t> RecordsCalls::CountPartners(const std::vector<std::string>& external_ids) {
  const MutexLock lock(mirror_.mutex());
  ASSIGN_OR_RETURN(const std::optional<TableSchema> agreed, ReadAgreedPartners());
  if (!agreed) return 0;
  // Read only the ids.
  TableSchema ids = KeptForm(*agreed);
  ids.columns.resize(1);
  ASSIGN_OR_RETURN(RowBlock block,
                   NoticedOf(mirror_, mirror_.store()->records().ReadRows(ids, external_ids, kAnyBytes)));
  return block.rows();
}

absl::StatusOr<std::uint64_t> RecordsCalls::ReadPartnersBehind(const std::string& after,
                                                               const TakePartner& take) {
  ASSIGN_OR_RETURN(const TenantRecord tenant, ReadTenantRow());
  if (tenant.door() != Door::kRecords) return ComesByCycles(tenant);
  ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, OpenRecords());
  ASSIGN_OR_RETURN(const std::optional<TableRecord> record, snapshot->ReadTable(kPartnerTable));
  ASSIGN_OR_RETURN(const std::optional<TableSchema> agreed, snapshot->ReadSchema(kPartnerTable));
  if (!record || !agreed) return 0;
  const TableSchema kept = KeptForm(*agreed);
  const std::vector<std::uint32_t> columns = kept.AllColumns();
  KeyRange range;
  if (!after.empty()) range.first = {{.kind = Kind::kText, .bytes = after}};
  bool is_enough = false;
  const absl::Status read = snapshot->ReadRows(
      kept, columns, {range}, kPageBlockBytes, [] { return true; },
      [&](RowBlock* block) -> absl::Status {
        ASSIGN_OR_RETURN(const std::vector<PartnerRow> rows, PartnersOf(*agreed, kept, block));
        for (const PartnerRow& row : rows) {
          if (row.external_id == after) continue;
          is_enough = !take(row.external_id, &row);
          if (is_enough) return absl::CancelledError();
        }
        return absl::OkStatus();
      });
  if (!read.ok() && !is_enough) return read;
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, record->row_count));
}

absl::StatusOr<std::optional<RecordOutcome>> RecordsCalls::FindRemembered(const RememberedRequest& remember,
                                                                          std::int64_t now_ms) {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenRecordsMirror(now_ms));
  return FindRememberedIn(mirror_.store()->records(), remember, now_ms);
}

absl::Status RecordsCalls::TakesRecords() {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenRecordsMirror(SharedNowMs()));
  ASSIGN_OR_RETURN(const TenantRecord tenant, ReadTenantOf(mirror_, SharedNowMs()));
  if (tenant.door() != Door::kRecords) return NotOfRecords(tenant);
  ASSIGN_OR_RETURN(const std::optional<TableRecord> record,
                   NoticedOf(mirror_, mirror_.store()->records().ReadTable(kPartnerTable)));
  std::string why = StoppedWhy(tenant, record);
  return why.empty() ? absl::OkStatus() : absl::FailedPreconditionError(std::move(why));
}

absl::StatusOr<std::optional<std::int64_t>> RecordsCalls::NeedsErasure() {
  ASSIGN_OR_RETURN(const TenantRecord tenant, ReadTenantRow());
  if (tenant.door() != Door::kRecords || !tenant.scrub) return std::nullopt;
  ASSIGN_OR_RETURN(const std::optional<Document> since, FindDocument(kErasureKind, ""));
  return since ? since->at_ms : 0;
}

absl::StatusOr<std::optional<std::int64_t>> RecordsCalls::FindErased(std::int64_t now_ms) {
  RETURN_IF_ERROR(OpenRecordsMirror(now_ms));
  ASSIGN_OR_RETURN(const TenantRecord tenant, ReadTenantOf(mirror_, now_ms));
  if (!tenant.scrub || tenant.door() != Door::kRecords) return std::optional<std::int64_t>();
  ASSIGN_OR_RETURN(const MirrorFeed feed, NoticedOf(mirror_, ReadFeed(mirror_.store()->records())));
  return std::optional(feed.erased);
}

absl::Status RecordsCalls::EraseDeleted(std::int64_t now_ms) {
  std::optional<std::int64_t> erased;
  {
    const MutexLock lock(mirror_.mutex());
    const absl::StatusOr<std::optional<std::int64_t>> found = FindErased(now_ms);
    if (!found.ok() || !*found) return found.status();
    erased = *found;
  }
  // Hubs first: the mirror keeps its note until all is erased. Its own files do not wait for a hub.
  absl::Status gone = mirror_.options().forget_in_hubs(mirror_.context_id());
  const MutexLock lock(mirror_.mutex());
  ASSIGN_OR_RETURN(const std::optional<std::int64_t> again, FindErased(now_ms));
  if (!again) return absl::OkStatus();  // Another server was faster.
  if (gone.ok() && again != erased) {
    gone = absl::UnavailableError("more was deleted meanwhile, and a hub may still have it.");
  }
  ASSIGN_OR_RETURN(const std::string erasing, ScrubDeleted(now_ms));
  if (absl::Status ended = EndErasing(erasing, gone.ok(), now_ms); !ended.ok() || gone.ok()) return ended;
  return absl::UnavailableError(
      absl::StrCat("the mirror's own files no longer have it, but ", std::string(gone.message())));
}

absl::StatusOr<std::string> RecordsCalls::ScrubDeleted(std::int64_t now_ms) {
  ASSIGN_OR_RETURN(std::optional<Document> before,
                   NoticedOf(mirror_, mirror_.store()->records().ReadDocument(kErasureKind, kErasingId)));
  if (before && before->text.starts_with(kScrubbed)) return before->text;
  std::string erasing = NewToken();
  Plan plan;
  plan.now_ms = now_ms;
  plan.documents = {{kErasureKind, kErasingId, erasing}};
  // Tables that were set aside contain the deleted data, too.
  plan.drop_retired_before_ms = std::numeric_limits<std::int64_t>::max();
  Writing writing;
  while (mirror_.Begin(writing)) writing.Commit(plan);
  RETURN_IF_ERROR(mirror_.Finish(writing).status());
  CrashPoint("records.erasing");
  if (absl::Status scrubbed = mirror_.store()->upkeep().Scrub(); !scrubbed.ok()) {
    // A reader that blocks the rewrite is not an outage; the erasing caller reports it.
    return absl::IsUnavailable(scrubbed) ? scrubbed : NoticedOf(mirror_, scrubbed);
  }
  CrashPoint("records.erased");
  return erasing;
}

absl::Status RecordsCalls::EndErasing(const std::string& erasing, bool is_all, std::int64_t now_ms) {
  Writing writing;
  while (mirror_.Begin(writing)) {
    writing.Commit(PlanEndOfErasing(mirror_.store()->records(), writing.tenant(), erasing, is_all, now_ms));
  }
  return mirror_.Finish(writing).status();
}

absl::StatusOr<std::unique_ptr<Snapshot>> RecordsCalls::OpenRecords() {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenRecordsMirror(SharedNowMs()));
  return NoticedOf(mirror_, mirror_.store()->OpenSnapshot());
}

absl::StatusOr<TenantRecord> RecordsCalls::ReadTenantRow() {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenRecordsMirror(SharedNowMs()));
  return ReadTenantOf(mirror_, SharedNowMs());
}

absl::StatusOr<ListedDocuments> RecordsCalls::ReadListedDocuments() {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenRecordsMirror(SharedNowMs()));
  return NoticedOf(mirror_, mirror_.store()->records().ReadListedDocuments());
}

absl::StatusOr<ListedDocuments> RecordsCalls::KeepListedDocuments(std::int64_t now_ms) {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenRecordsMirror(now_ms));
  return KeepListed();
}

absl::StatusOr<ListedDocuments> RecordsCalls::KeepListed() {
  mirror_.Summarize(Look::kDocuments);
  SharedLists* const lists = mirror_.options().lists;
  if (lists == nullptr) return mirror_.store()->records().ReadListedDocuments();
  absl::StatusOr<ListedDocuments> found = ListedDocuments();
  Writing writing;
  while (mirror_.Begin(writing)) {
    found = mirror_.store()->records().ReadListedDocuments();
    writing.Leave(found.ok() ? lists->Keep(mirror_.context_id(), *found) : found.status());
  }
  RETURN_IF_ERROR(mirror_.Finish(writing).status());
  return found;
}

absl::StatusOr<std::optional<Document>> RecordsCalls::FindDocument(const std::string& kind,
                                                                   const std::string& id) {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenRecordsMirror(SharedNowMs()));
  return NoticedOf(mirror_, mirror_.store()->records().ReadDocument(kind, id));
}

absl::StatusOr<std::vector<Document>> RecordsCalls::ListDocuments(const std::string& kind,
                                                                  const std::string& from,
                                                                  std::size_t count_max) {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenRecordsMirror(SharedNowMs()));
  return NoticedOf(mirror_, mirror_.store()->records().ReadDocuments(kind, from, count_max));
}

absl::Status RecordsCalls::ChangeDocuments(const DocumentPlanner& planner, std::int64_t now_ms) {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenRecordsMirror(now_ms));
  bool is_listed = false;
  bool is_job = false;
  Writing writing;
  while (mirror_.Begin(writing)) {
    absl::StatusOr<std::vector<DocumentChange>> changes = planner(mirror_.store()->records());
    if (!changes.ok() || changes->empty()) {
      writing.Leave(changes.status());
      continue;
    }
    is_listed = std::any_of(changes->begin(), changes->end(),
                            [](const DocumentChange& one) { return IsListed(one.kind); });
    if (absl::Status forgotten = is_listed ? ForgetListed(mirror_) : absl::OkStatus(); !forgotten.ok()) {
      writing.Leave(std::move(forgotten));
      continue;
    }
    is_job = std::any_of(changes->begin(), changes->end(),
                         [](const DocumentChange& change) { return change.kind == kLastJobKind; });
    Plan plan;
    plan.now_ms = now_ms;
    plan.documents = *std::move(changes);
    writing.Commit(std::move(plan));
  }
  absl::Status changed = mirror_.Finish(writing).status();
  // A list that could not be kept is read from the mirror by the next list.
  if (is_listed && mirror_.store() != nullptr) KeepListed().status().IgnoreError();
  mirror_.seen().NoteDocuments();
  if (changed.ok() && is_job) mirror_.Summarize(Look::kTenant);
  return ToRecordsStatus(changed);
}

}  // namespace mirror
