#include "server/tenant/mirror/seen_summary.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "base/folded_name.h"
#include "base/shared_clock.h"
#include "server/plan/move_mark.h"
#include "server/plan/schema_plan.h"

namespace mirror {
namespace {

void ReadTenant(Store& store, TenantSummary* summary) {
  const absl::StatusOr<TenantRecord> tenant = store.records().ReadTenant();
  if (!tenant.ok()) return;
  summary->known = true;
  summary->completed_ms = tenant->completed_ms;
  // For records the documents change it, too: SummarizeTables() has the better value.
  if (tenant->door() == Door::kCycles)
    summary->progress_ms = std::max(tenant->progress_ms, tenant->completed_ms);
  summary->active = tenant->active;
  summary->paused = tenant->paused;
  summary->moving = MarkOf(*tenant).has_value();
  summary->pause_reason = PauseWords(tenant->paused, tenant->pause_reason);
  summary->issuer = tenant->issuer;
  summary->environment = tenant->environment;
  summary->source_id = tenant->source_id;
  summary->cycle = tenant->cycle;
  if (!summary->HasRecords()) return;
  const absl::StatusOr<std::optional<Document>> job = store.records().ReadDocument(kLastJobKind, "");
  if (job.ok()) summary->job_ms = *job ? (*job)->at_ms : 0;
}

void ReadTables(Store& store, TenantSummary* summary) {
  const absl::StatusOr<std::vector<TableRecord>> records = store.records().ReadTables();
  const absl::StatusOr<std::vector<TableCheck>> checks = store.records().ReadChecks();
  const absl::StatusOr<Freshness> freshness = store.records().ReadFreshness();
  if (records.ok() && checks.ok() && freshness.ok()) {
    SummarizeTables(*records, *checks, *freshness, summary);
  }
  const absl::StatusOr<std::vector<SchemaAnswer>> answers = store.records().ReadAnswers();
  if (!answers.ok()) return;
  summary->tables_refused = static_cast<std::uint32_t>(
      std::count_if(answers->begin(), answers->end(), [](const SchemaAnswer& answer) {
        return static_cast<SchemaAction>(answer.action) == SchemaAction::kRefused;
      }));
}

void ReadHolds(Store& store, TenantSummary* summary) {
  const absl::StatusOr<std::vector<Hold>> holds = store.records().ReadHolds();
  if (!holds.ok()) return;
  summary->holds = 0;
  summary->waiting_source.clear();
  for (const Hold& hold : *holds) {
    if (hold.state != HoldState::kWaiting) continue;
    ++summary->holds;
    if (hold.kind == HoldKind::kSource) summary->waiting_source = hold.source_id;
  }
}

void ReadDocuments(Store& store, TenantSummary* summary) {
  const absl::StatusOr<ListedDocuments> documents = store.records().ReadListedDocuments();
  if (documents.ok()) summary->documents = *documents;
}

/// Never returns a number twice, so that a re-created tenant has none of its predecessor's.
std::uint64_t NextDocumentsVersion() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace

SeenSummary::SeenSummary() : documents_version_(NextDocumentsVersion()) {}

void SeenSummary::NoteDocuments() { documents_version_ = NextDocumentsVersion(); }

void ReadSummary(Store& store, Look look, TenantSummary* summary) {
  if (look == Look::kAll || look == Look::kDocuments) ReadDocuments(store, summary);
  if (look == Look::kDocuments) return;
  ReadTenant(store, summary);
  if (look == Look::kAll) ReadTables(store, summary);
  if (look != Look::kTenant) ReadHolds(store, summary);
}

TenantSummary SeenSummary::Get() const {
  TenantSummary summary;
  if (const std::shared_ptr<const TenantSummary> shared = Shared()) summary = *shared;
  summary.progress_ms = std::max(summary.progress_ms, progress_ms());
  return summary;
}

std::shared_ptr<const TenantSummary> SeenSummary::Shared() const {
  const MutexLock lock(mutex_);
  if (summary_ && !times_.empty()) {
    summary_ = std::make_shared<const TenantSummary>(WithTimes(*summary_, times_));
    times_.clear();
  }
  if (summary_ && records_) {
    summary_ =
        std::make_shared<const TenantSummary>(WithRecords(*summary_, records_->first, records_->second));
    records_.reset();
  }
  return summary_;
}

bool SeenSummary::HasRecords() const {
  const MutexLock lock(mutex_);
  return summary_ && summary_->HasRecords();
}

void SeenSummary::Set(TenantSummary next) {
  const MutexLock lock(mutex_);
  if (summary_) next.failure = summary_->failure;
  summary_ = std::make_shared<const TenantSummary>(std::move(next));
}

void SeenSummary::Remember(const TenantSummary& summary) {
  const MutexLock lock(mutex_);
  if (summary_ && summary_->known) return;
  TenantSummary next = summary;
  // The quarantine note next to the file takes precedence over the catalog's older state.
  if (summary_ && summary_->quarantined) {
    next.quarantined = true;
    next.quarantine = summary_->quarantine;
  }
  if (summary_ && summary_->failure.since_ms > 0) next.failure = summary_->failure;
  summary_ = std::make_shared<const TenantSummary>(std::move(next));
}

std::shared_ptr<const TenantSummary> SeenSummary::TakeOver(
    const TenantSummary& summary, const std::shared_ptr<const TenantSummary>& known) {
  const MutexLock lock(mutex_);
  if (summary_ != known || !times_.empty() || records_) return nullptr;
  summary_ = std::make_shared<const TenantSummary>(summary);
  return summary_;
}

void SeenSummary::NoteTimes(const std::vector<Step>& steps, const std::vector<StepResult>& results) {
  const MutexLock lock(mutex_);
  for (std::size_t i = 0; i < std::min(steps.size(), results.size()); ++i) {
    if (!steps[i].source_ms || !results[i].status.ok()) continue;
    times_[FoldName(steps[i].table)] = *steps[i].source_ms;
  }
}

void SeenSummary::NoteRecords(std::int64_t rows, std::int64_t lsn) {
  const MutexLock lock(mutex_);
  records_ = {rows, lsn};
}

void SeenSummary::NoteFailure(std::string_view why) {
  const MutexLock lock(mutex_);
  TenantSummary next = summary_ ? *summary_ : TenantSummary{};
  next.failure = FailedAgain(next.failure, why, SharedNowMs());
  summary_ = std::make_shared<const TenantSummary>(std::move(next));
}

bool SeenSummary::ForgetFailure() {
  const MutexLock lock(mutex_);
  if (!summary_ || summary_->failure == CycleFailure{}) return false;
  TenantSummary next = *summary_;
  next.failure = {};
  summary_ = std::make_shared<const TenantSummary>(std::move(next));
  return true;
}

}  // namespace mirror
