#include "server/tenant/row_group.h"

#include <algorithm>
#include <variant>

#include "base/status_macros.h"
#include "server/plan/cycle_notes.h"

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

absl::StatusOr<std::optional<Plan>> PlanGroup(Mirror& mirror, const TenantRecord& tenant, RowGroup* group) {
  RETURN_IF_ERROR(mirror.cycle().Load(*mirror.store()));
  Plan plan;
  plan.cycle = group->waiting.front()->request.cycle;
  for (const WaitingRows* const one : group->waiting) plan.now_ms = std::max(plan.now_ms, one->now_ms);
  RowPlanner& planner = group->planner.emplace(PlannerFor(mirror, tenant, plan.now_ms));
  group->known_holds = mirror.cycle().holds();
  group->planned.clear();
  for (WaitingRows* const one : group->waiting) {
    ASSIGN_OR_RETURN(const bool added, planner.Add(one->request, one->may_wait));
    one->has_gap = !added;
    if (added) group->planned.push_back(one);
  }
  if (group->planned.empty()) return std::optional<Plan>();
  plan.steps = planner.TakeSteps();
  mirror.hooks().AddWiped(&plan);
  plan.holds = planner.TakeHolds();
  if (!plan.steps.empty() && plan.holds.empty() &&
      std::all_of(plan.steps.begin(), plan.steps.end(), FillsShadow)) {
    plan.kept = Kept::kWithNext;
  }
  plan.cycle_notes = {.batches = planner.BatchesToNote()};
  return plan;
}

absl::StatusOr<std::optional<Plan>> PlanEndBehind(RowGroup& group, const Committed& done,
                                                  const TenantRecord& tenant) {
  const Plan& plan = done.plan;
  const bool judged = !plan.holds.empty() || std::any_of(plan.steps.begin(), plan.steps.end(),
                                                         [](const Step& step) { return step.settles_holds; });
  if (group.planned.size() != 1 || ChangesNotes(done) || judged) return std::optional<Plan>();
  for (const BatchOutcome& outcome : group.planner->outcomes(0)) {
    if (!outcome.status.ok()) return std::optional<Plan>();
  }
  for (const StepResult& step : done.result.steps) {
    if (!step.status.ok()) return std::optional<Plan>();
  }
  return group.waiting.front()->end->make_plan(tenant);
}

bool ChangesNotes(const Committed& committed) {
  return CycleNotesOf(committed.plan, committed.result.steps) != CycleNoteChanges{};
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
