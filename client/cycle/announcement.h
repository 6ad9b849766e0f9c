#ifndef MIRROR_CLIENT_CYCLE_ANNOUNCEMENT_H_
#define MIRROR_CLIENT_CYCLE_ANNOUNCEMENT_H_

#include "absl/status/status.h"
#include "client/cycle/run_context.h"

namespace mirror {

/// Announces all tables of the schema; the cycle has the mirror's answer for each then.
/// Errors: the call's; kInternal: the answer is not one to what was announced.
absl::Status AnnounceTables(RunContext& run, Cycle& cycle);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_ANNOUNCEMENT_H_
