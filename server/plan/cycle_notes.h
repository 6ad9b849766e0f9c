#ifndef MIRROR_SERVER_PLAN_CYCLE_NOTES_H_
#define MIRROR_SERVER_PLAN_CYCLE_NOTES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/plan/plan.h"

namespace mirror {

/// What the cycle has to remember when the steps of `plan` end so, see Plan::cycle_notes. `steps`: one result
/// for each of its steps.
CycleNoteChanges CycleNotesOf(const Plan& plan, const std::vector<StepResult>& steps);

RefusedBatches RefusedOf(const std::vector<CycleNote>& notes);
/// Batch `seq` of `table`, folded, ended with `status`. What came too early is to come again, and its rows
/// are no more in the mirror than refused ones.
void AddRefused(const std::string& table, std::uint64_t seq, const absl::Status& status,
                RefusedBatches* refused);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_CYCLE_NOTES_H_
