#ifndef MIRROR_SERVER_PLAN_CYCLE_NOTES_H_
#define MIRROR_SERVER_PLAN_CYCLE_NOTES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/plan/plan.h"

namespace mirror {

/// Returns the changes to the cycle's notes that follow from the results of the plan's steps; see
/// Plan::cycle_notes. `steps`: one result for each step of `plan`.
CycleNoteChanges CycleNotesOf(const Plan& plan, const std::vector<StepResult>& steps);

RefusedBatches RefusedOf(const std::vector<CycleNote>& notes);
/// Records that batch `seq` of `table` (a folded name) ended with `status`. A batch that came too early
/// counts as refused: the mirror lacks its rows until the source sends it again.
void AddRefused(const std::string& table, std::uint64_t seq, const absl::Status& status,
                RefusedBatches* refused);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_CYCLE_NOTES_H_
