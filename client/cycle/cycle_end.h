#ifndef MIRROR_CLIENT_CYCLE_CYCLE_END_H_
#define MIRROR_CLIENT_CYCLE_CYCLE_END_H_

#include "absl/status/status.h"
#include "client/cycle/run_context.h"

namespace mirror {

/// Tells the mirror that the cycle is complete, unless `status` says that this cannot arrive or that the
/// cycle is not ours any more. Then keeps what is on the mirror's disk, forgets what lies below, and lets the
/// lock's cycle go.
absl::Status EndCycle(RunContext& run, Cycle& cycle, const absl::Status& status);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_CYCLE_END_H_
