// What a tenant leaves to be seen of it without its database and without its lock.

#include <algorithm>
#include <utility>

#include "base/folded_name.h"
#include "proto/wire/table.h"
#include "server/tenant/tenant.h"

namespace mirror {

TenantSummary Tenant::summary() const {
  TenantSummary summary;
  if (const std::shared_ptr<const TenantSummary> shared = shared_summary()) summary = *shared;
  summary.progress_ms = std::max(summary.progress_ms, seen_progress_ms_.load(std::memory_order_relaxed));
  return summary;
}

std::shared_ptr<const TenantSummary> Tenant::shared_summary() const {
  const MutexLock lock(summary_mutex_);
  if (summary_ && !summary_times_.empty()) {
    summary_ = std::make_shared<const TenantSummary>(WithTimes(*summary_, summary_times_));
    summary_times_.clear();
  }
  return summary_;
}

void Tenant::NoteTimes(const std::vector<Step>& steps, const std::vector<StepResult>& results) {
  const MutexLock lock(summary_mutex_);
  for (std::size_t i = 0; i < std::min(steps.size(), results.size()); ++i) {
    if (!steps[i].source_ms || !results[i].status.ok()) continue;
    summary_times_[FoldName(steps[i].table)] = *steps[i].source_ms;
  }
}

void Tenant::Remember(const TenantSummary& summary) {
  const MutexLock lock(summary_mutex_);
  if (summary_ && summary_->known) return;
  TenantSummary next = summary;
  // The note beside the file says so, whatever the catalog kept from before.
  if (summary_ && summary_->quarantined) {
    next.quarantined = true;
    next.quarantine = summary_->quarantine;
  }
  if (summary_ && summary_->failure.since_ms > 0) next.failure = summary_->failure;
  summary_ = std::make_shared<const TenantSummary>(std::move(next));
}

/// What cannot be read is met again, and told, by the call that needs it.
void Tenant::Summarize(Look look) {
  TenantSummary next = summary();
  next.quarantined = !quarantine_.empty();
  next.quarantine = quarantine_;
  if (store_) {
    if (const absl::StatusOr<TenantRecord> tenant = store_->ReadTenant(); tenant.ok()) {
      next.known = true;
      next.completed_ms = tenant->completed_ms;
      next.progress_ms = std::max(tenant->progress_ms, tenant->completed_ms);
      next.active = tenant->active;
      next.paused = tenant->paused;
      next.pause_reason = tenant->pause_reason;
      next.issuer = tenant->issuer;
      next.environment = tenant->environment;
      next.source_id = tenant->source_id;
      next.cycle = tenant->cycle;
    }
    if (look == Look::kAll) {
      const absl::StatusOr<std::vector<TableRecord>> records = store_->ReadTables();
      const absl::StatusOr<std::vector<TableCheck>> checks = store_->ReadChecks();
      const absl::StatusOr<Freshness> freshness = store_->ReadFreshness();
      if (records.ok() && checks.ok() && freshness.ok()) {
        SummarizeTables(*records, *checks, *freshness, &next);
      }
      if (const absl::StatusOr<std::vector<SchemaAnswer>> answers = store_->ReadAnswers(); answers.ok()) {
        next.tables_refused = static_cast<std::uint32_t>(
            std::count_if(answers->begin(), answers->end(), [](const SchemaAnswer& answer) {
              return static_cast<SchemaAction>(answer.action) == SchemaAction::kRefused;
            }));
      }
    }
    if (look != Look::kTenant) {
      const absl::StatusOr<std::vector<Hold>> holds = store_->ReadHolds();
      if (holds.ok()) {
        next.holds =
            static_cast<std::uint32_t>(std::count_if(holds->begin(), holds->end(), [](const Hold& hold) {
              return hold.state == HoldState::kWaiting;
            }));
        next.waiting_source.clear();
        for (const Hold& hold : *holds) {
          if (hold.kind == HoldKind::kSource && hold.state == HoldState::kWaiting) {
            next.waiting_source = hold.source_id;
          }
        }
      }
    }
  }
  const MutexLock lock(summary_mutex_);
  if (summary_) next.failure = summary_->failure;  // It may have come meanwhile.
  summary_ = std::make_shared<const TenantSummary>(std::move(next));
}

absl::Status Tenant::AddStale(AllAsOf* as_of) {
  if (absl::Status status = Noticed(LoadRefused()); !status.ok()) return status;
  as_of->stale.insert(as_of->stale.end(), refused_tables_->begin(), refused_tables_->end());
  for (const CycleNote& note : *notes_) as_of->stale.push_back(note.table);
  return absl::OkStatus();
}

/// What goes wrong here is met again, and told, by the call that is under way.
void Tenant::KeepTargets() {
  const absl::StatusOr<Freshness> freshness = store_->ReadFreshness();
  if (!freshness.ok()) return;
  if (options_.freshness.empty() && freshness->targets == FreshnessTargets{}) return;
  const absl::StatusOr<std::vector<TableRecord>> records = store_->ReadTables();
  if (!records.ok()) return;
  Plan plan;
  std::vector<std::string> tables;
  for (const TableRecord& record : *records) tables.push_back(record.table);
  plan.targets = TargetsOf(options_.freshness, context_id_, tables);
  if (*plan.targets != freshness->targets) store_->Commit(plan).status().IgnoreError();
}

void Tenant::CountBatch(const RowRequest& request, std::size_t batch, const BatchOutcome& outcome) {
  if (batch >= request.batches.size()) return;
  ServerCounters& counters = *options_.counters;
  if (!outcome.status.ok()) return counters.batches_refused.Add();
  if (outcome.repeated) return counters.batches_repeated.Add();
  counters.batches_applied.Add();
  const ChangeBatch& rows = *request.batches[batch].batch;
  if (rows.operation == Operation::kInsert) counters.rows_inserted.Add(rows.row_count);
  if (rows.operation == Operation::kUpdate) counters.rows_updated.Add(rows.row_count);
  if (rows.operation == Operation::kDelete) counters.rows_deleted.Add(rows.row_count);
}

}  // namespace mirror
