#ifndef MIRROR_CLIENT_CYCLE_CYCLE_BEGIN_H_
#define MIRROR_CLIENT_CYCLE_CYCLE_BEGIN_H_

#include "absl/status/statusor.h"
#include "client/cycle/run_context.h"

namespace mirror {

/// Asks the mirror for a cycle. False: it gives none, and the report says why.
/// Errors: the lock's, the call's; kInternal: an answer that says nothing.
absl::StatusOr<bool> BeginCycle(RunContext& run, Cycle& cycle);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_CYCLE_BEGIN_H_
