// What a tenant leaves to be seen of it without its database and without its lock.

#include <algorithm>
#include <utility>

#include "server/tenant.h"

namespace mirror {

TenantSummary Tenant::summary() const {
  TenantSummary summary;
  {
    const std::lock_guard lock(summary_mutex_);
    if (summary_) summary = *summary_;
  }
  summary.progress_ms = std::max(summary.progress_ms, seen_progress_ms_.load(std::memory_order_relaxed));
  return summary;
}

std::shared_ptr<const TenantSummary> Tenant::shared_summary() const {
  const std::lock_guard lock(summary_mutex_);
  return summary_;
}

void Tenant::Remember(const TenantSummary& summary) {
  const std::lock_guard lock(summary_mutex_);
  if (!summary_ || !summary_->known) summary_ = std::make_shared<const TenantSummary>(summary);
}

/// What cannot be read is met again, and told, by the call that needs it.
void Tenant::Summarize(Look look) {
  TenantSummary next = summary();
  next.quarantined = !quarantine_.empty();
  if (store_) {
    if (const absl::StatusOr<TenantRecord> tenant = store_->ReadTenant(); tenant.ok()) {
      next.known = true;
      next.completed_ms = tenant->completed_ms;
      next.progress_ms = std::max(tenant->progress_ms, tenant->completed_ms);
      next.active = tenant->active;
      next.paused = tenant->paused;
    }
    if (look == Look::kAll) {
      const absl::StatusOr<std::vector<TableRecord>> records = store_->ReadTables();
      const absl::StatusOr<std::vector<TableCheck>> checks = store_->ReadChecks();
      const absl::StatusOr<Freshness> freshness = store_->ReadFreshness();
      if (records.ok() && checks.ok() && freshness.ok()) {
        SummarizeTables(*records, *checks, *freshness, &next);
      }
    }
    if (look != Look::kTenant) {
      const absl::StatusOr<std::vector<Hold>> holds = store_->ReadHolds();
      if (holds.ok()) {
        next.holds =
            static_cast<std::uint32_t>(std::count_if(holds->begin(), holds->end(), [](const Hold& hold) {
              return hold.state == HoldState::kWaiting;
            }));
      }
    }
  }
  const std::lock_guard lock(summary_mutex_);
  summary_ = std::make_shared<const TenantSummary>(std::move(next));
}

absl::Status Tenant::AddStale(AllAsOf* as_of) {
  if (absl::Status status = Noticed(LoadRefused()); !status.ok()) return status;
  if (absl::Status status = LoadHolds(); !status.ok()) return status;
  as_of->stale.insert(as_of->stale.end(), refused_tables_->begin(), refused_tables_->end());
  for (const auto& [table, seq] : refused_seq_) as_of->stale.push_back(table);
  // Not announced, and kept until an operator decides.
  if (const Hold* const hold = FindHold(*holds_, HoldKind::kTables, "")) {
    as_of->stale.insert(as_of->stale.end(), hold->tables.begin(), hold->tables.end());
  }
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
  plan.targets = TargetsOf(options_.freshness, context_id_, *records);
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
