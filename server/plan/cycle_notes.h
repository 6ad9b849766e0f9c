#ifndef MIRROR_SERVER_PLAN_CYCLE_NOTES_H_
#define MIRROR_SERVER_PLAN_CYCLE_NOTES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/plan/plan.h"

namespace mirror {

/// Returns the changes to the cycle's notes by these results of the plan's steps, see Plan::cycle_notes.
/// `steps`: one result for each of its steps.
CycleNoteChanges CycleNotesOf(const Plan& plan, const std::vector<StepResult>& steps);

RefusedBatches RefusedOf(const std::vector<CycleNote>& notes);
/// Notes that batch `seq` of `table`, folded, ended with `status`. A batch that came too early must be sent
/// again: its rows are as absent from the mirror as refused ones.
void AddRefused(const std::string& table, std::uint64_t seq, const absl::Status& status,
                RefusedBatches* refused);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_CYCLE_NOTES_H_
