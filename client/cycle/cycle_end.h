#ifndef MIRROR_CLIENT_CYCLE_CYCLE_END_H_
#define MIRROR_CLIENT_CYCLE_CYCLE_END_H_

#include <set>
#include <string>

#include "absl/status/status.h"
#include "client/cycle/run_context.h"

namespace mirror {

/// Whether another cycle of the run sends the rows of the table that a comparison found to differ.
bool ShallRepair(const RunContext& run, const std::string& table);
/// Returns the tables that this cycle leaves to the next one of the run.
std::set<std::string> FindTablesLeft(const RunContext& run, const Cycle& cycle);

/// Returns the completion that is sent with the last rows. It is made before the mirror accepts them, and
/// assumes that it accepts all.
v1::ReplicationCompletedRequest CompletionIfSent(RunContext& run, const Cycle& cycle);

/// Reports the cycle as complete, unless the mirror ended it with its rows. Then records the positions that
/// are on the mirror's disk, removes older changes, and clears the holder id in the lock file. `status`: of
/// the cycle so far. If the mirror is unreachable, nothing is done, and the next run takes the cycle over.
/// kAborted: the cycle is over at the mirror, and only the holder id is cleared.
absl::Status EndCycle(RunContext& run, Cycle& cycle, const absl::Status& status);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_CYCLE_END_H_
