#ifndef MIRROR_CLIENT_CYCLE_SOURCE_LOOK_H_
#define MIRROR_CLIENT_CYCLE_SOURCE_LOOK_H_

#include "absl/status/status.h"
#include "client/cycle/run_context.h"

namespace mirror {

/// Takes the source's schema as it is now, and makes the history fit it.
/// Errors: the source's; kUnavailable: its definitions change all the time.
absl::Status LookAtSource(RunContext& run);

/// The same as the first look of a run: finds types anew where values may have changed them for good, says
/// what can be wrong before anything is sent, and notes what a person should know. Errors: also those for
/// which the run cannot go on.
absl::Status LookFirst(RunContext& run);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_SOURCE_LOOK_H_
