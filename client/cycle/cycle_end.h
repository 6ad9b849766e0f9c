#ifndef MIRROR_CLIENT_CYCLE_CYCLE_END_H_
#define MIRROR_CLIENT_CYCLE_CYCLE_END_H_

#include "absl/status/status.h"
#include "client/cycle/run_context.h"

namespace mirror {

/// What the mirror is told at the end of a cycle that sends rows, if it takes all of them.
v1::ReplicationCompletedRequest CompletionIfSent(RunContext& run, const Cycle& cycle);

/// Tells the mirror that the cycle is complete, unless its rows ended it, or `status` says that this cannot
/// arrive or that the cycle is not ours any more. Then keeps what is on the mirror's disk, forgets what lies
/// below, and lets the lock's cycle go.
absl::Status EndCycle(RunContext& run, Cycle& cycle, const absl::Status& status);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_CYCLE_END_H_
