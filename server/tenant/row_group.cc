#include "server/tenant/row_group.h"

#include <algorithm>
#include <variant>

#include "base/status_macros.h"
#include "server/plan/cycle_check.h"

namespace mirror {
namespace {

/// It only goes on with a population. What a loss of power takes of such rows, a source that goes on misses
/// at its next batch, and the next cycle populates anew (docs/decisions/0070).
bool FillsShadow(const Step& step) {
  if (step.commits || !step.record || step.record->state != TableState::kPopulating) return false;
  return std::all_of(step.actions.begin(), step.actions.end(), [](const auto& action) {
    const auto* const rows = std::get_if<ApplyRows>(&action);
    return rows != nullptr && rows->into_shadow;
  });
}

}  // namespace

absl::StatusOr<std::optional<Plan>> RowGroup::MakePlan(const TenantRecord& tenant) {
  if (is_over_ != nullptr) {
    *is_over_ = !CheckRuns(tenant_.cycle, tenant).ok() || tenant.issuer != tenant_.issuer ||
                tenant.environment != tenant_.environment;
    if (*is_over_) return std::optional<Plan>();
    mirror_.cycle().NoteServed();
    mirror_.file().owner = tenant;
  }
  RETURN_IF_ERROR(mirror_.cycle().Load(*mirror_.store()));
  Plan plan;
  plan.cycle = tenant_.cycle;
  for (const WaitingRows* const one : waiting_) plan.now_ms = std::max(plan.now_ms, one->now_ms);
  planner_.emplace(PlannerFor(mirror_, tenant, plan.now_ms));
  known_holds_ = mirror_.cycle().holds();
  planned_.clear();
  for (WaitingRows* const one : waiting_) {
    ASSIGN_OR_RETURN(const bool added, planner_->Add(one->request, one->may_wait));
    one->has_gap = !added;
    if (added) planned_.push_back(one);
  }
  if (planned_.empty()) return std::optional<Plan>();
  plan.steps = planner_->TakeSteps();
  mirror_.hooks().AddWiped(&plan);
  plan.holds = planner_->TakeHolds();
  if (!plan.steps.empty() && plan.holds.empty() &&
      std::all_of(plan.steps.begin(), plan.steps.end(), FillsShadow)) {
    plan.kept = Kept::kWithNext;
  }
  judged_ = !plan.holds.empty() || std::any_of(plan.steps.begin(), plan.steps.end(),
                                               [](const Step& step) { return step.settles_holds; });
  plan.cycle_notes = [this](const std::vector<StepResult>& steps) {
    CycleNoteChanges changes = planner_->NotesOf(steps);
    notes_changed_ = changes != CycleNoteChanges{};
    return changes;
  };
  return plan;
}

absl::StatusOr<std::optional<Plan>> RowGroup::MakeEnd(const RowsEnd& end, const CommitResult& done,
                                                      const TenantRecord& tenant) {
  if (planned_.size() != 1 || notes_changed_ || judged_) return std::optional<Plan>();
  for (const BatchOutcome& outcome : planner_->outcomes(0)) {
    if (!outcome.status.ok()) return std::optional<Plan>();
  }
  for (const StepResult& step : done.steps) {
    if (!step.status.ok()) return std::optional<Plan>();
  }
  return end.make_plan(tenant);
}

RowPlanner PlannerFor(Mirror& mirror, const TenantRecord& tenant, std::int64_t now_ms) {
  const RunningCycle& cycle = mirror.cycle();
  return RowPlanner(
      *mirror.store(),
      RowPlanner::Cycle{tenant.cycle, !tenant.announced.empty(), cycle.refused(), mirror.context_id(),
                        &mirror.options().breaker, &cycle.holds(), now_ms, tenant.missed_cycle},
      RefusedOf(cycle.notes()));
}

}  // namespace mirror
