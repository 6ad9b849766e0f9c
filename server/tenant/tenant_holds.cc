// What a tenant holds for its operator: rows and tables that would vanish, and another source database.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "server/tenant/tenant.h"

namespace mirror {

absl::Status Tenant::LoadHolds() {
  if (holds_) return absl::OkStatus();
  absl::StatusOr<std::vector<Hold>> holds = store_->ReadHolds();
  if (!holds.ok()) return Noticed(holds.status());
  holds_ = *std::move(holds);
  return absl::OkStatus();
}

void Tenant::HoldsChanged(const std::vector<Hold>& written) {
  const std::vector<Hold> known = std::exchange(holds_, {}).value_or(std::vector<Hold>());
  for (const Hold& hold : written) {
    // One that waits already is told once, whatever its counts become.
    const Hold* const former = FindHold(known, hold.kind, hold.table);
    if (former != nullptr && former->state == HoldState::kWaiting && former->source_id == hold.source_id)
      continue;
    events_.Add(context_id_, Severity::kError, absl::StrCat("hold.", std::string(ToString(hold.kind))),
                hold.reason);
  }
  Summarize(Look::kHolds);
}

absl::Status Tenant::KeepLateHolds(std::int64_t now_ms, const std::vector<Hold>& holds) {
  if (holds.empty()) return absl::OkStatus();
  Plan plan;
  plan.now_ms = now_ms;
  plan.holds = holds;
  const absl::StatusOr<CommitResult> result = store_->Commit(plan);
  return result.ok() ? absl::OkStatus() : Noticed(result.status());
}

absl::StatusOr<std::vector<Hold>> Tenant::Holds() {
  const MutexLock lock(mutex_);
  if (absl::Status status = OpenForOperator(0); !status.ok()) return status;
  if (absl::Status status = LoadHolds(); !status.ok()) return status;
  return *holds_;
}

absl::StatusOr<Hold> Tenant::FindHoldById(std::uint64_t id) {
  if (absl::Status status = LoadHolds(); !status.ok()) return status;
  const auto found =
      std::find_if(holds_->begin(), holds_->end(), [&](const Hold& hold) { return hold.id == id; });
  if (found != holds_->end()) return *found;
  return absl::NotFoundError(
      absl::StrCat("tenant '", context_id_, "' has no hold ", id,
                   ". Nothing was changed. 'mirrorctl hold list' shows those that there are."));
}

absl::Status Tenant::DecideHold(std::uint64_t id, HoldState decision, std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  if (absl::Status status = OpenForOperator(now_ms); !status.ok()) return status;
  absl::StatusOr<Hold> hold = FindHoldById(id);
  if (!hold.ok()) return hold.status();
  if (hold->kind == HoldKind::kSource && decision == HoldState::kCommit) {
    return absl::FailedPreconditionError(
        absl::StrCat("hold ", id, " of '", context_id_,
                     "' is about another source database. Nothing was changed. 'mirrorctl accept-source ",
                     context_id_, "' lets it take over."));
  }
  hold->state = decision;
  CrashPoint("hold.before");
  absl::Status status = EndCycleLocked(now_ms, {.holds = {*hold}});
  CrashPoint("hold.after");
  if (!status.ok()) return status;
  holds_.reset();
  events_.Add(context_id_, Severity::kWarning,
              decision == HoldState::kCommit ? "hold.committed" : "hold.refused",
              absl::StrCat("an operator ", decision == HoldState::kCommit ? "let happen once" : "refused",
                           " what was held: ", std::string(ToString(hold->kind)),
                           hold->table.empty() ? "" : absl::StrCat(" of table '", hold->table, "'")));
  return absl::OkStatus();
}

absl::StatusOr<std::string> Tenant::AcceptSource(std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  if (absl::Status status = OpenForOperator(now_ms); !status.ok()) return status;
  if (absl::Status status = LoadHolds(); !status.ok()) return status;
  const Hold* const hold = FindHold(*holds_, HoldKind::kSource, "");
  if (hold == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("no other source database waits for '", context_id_, "'. Nothing was changed."));
  }
  const std::string source = hold->source_id;
  const std::uint64_t id = hold->id;
  absl::Status status = EndCycleLocked(
      now_ms, {.change = [&](TenantRecord& tenant) { tenant.source_id = source; }, .settled_holds = {id}});
  if (!status.ok()) return status;
  holds_.reset();
  events_.Add(
      context_id_, Severity::kWarning, "source.accepted",
      "an operator let another source database take over; its next cycle sends what the mirror lacks");
  return source;
}

/// A miss of something that was committed since the former miss: two databases feed one mirror in turn.
void Tenant::CountMiss(std::int64_t cycle, std::int64_t now_ms, TenantRecord& tenant) {
  if (!IsNoted(CycleNoteKind::kMiss)) return;
  const bool in_a_row = tenant.missed_cycle != 0 && tenant.missed_cycle == tenant.completed_cycle;
  const bool soon = options_.miss_window_ms > 0 && now_ms - tenant.missed_ms <= options_.miss_window_ms;
  tenant.missed_cycle = cycle;
  tenant.missed_ms = now_ms;
  if (!in_a_row || !soon || tenant.paused) return;
  tenant.paused = true;
  tenant.pause_reason = kMissPause;
}

}  // namespace mirror
