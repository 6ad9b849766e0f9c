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

/// Returns the completion that the mirror gets with the last rows, for the case that it accepts all of them.
v1::ReplicationCompletedRequest CompletionIfSent(RunContext& run, const Cycle& cycle);

/// Reports the cycle as complete, unless the mirror ended it with its rows, or `status` says
/// that the mirror is unreachable or the cycle is not ours any more. Then records positions
/// that are on the mirror's disk, forgets older changes, and clears the lock's cycle.
absl::Status EndCycle(RunContext& run, Cycle& cycle, const absl::Status& status);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_CYCLE_END_H_
