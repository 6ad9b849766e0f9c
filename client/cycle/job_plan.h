#ifndef MIRROR_CLIENT_CYCLE_JOB_PLAN_H_
#define MIRROR_CLIENT_CYCLE_JOB_PLAN_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cycle/run_context.h"

namespace mirror {

/// Why a table whose rows could not be read is unsent.
UnsentReason FindWhyUnread(const absl::Status& error);

/// Makes of each announced table that the cycle is about a job, or says in its report why there is nothing to
/// send.
void MakeJobs(RunContext& run, Cycle& cycle);

/// Makes jobs of tables that rested when they were planned and changed since. True: there are some. Errors:
/// the history's.
absl::StatusOr<bool> MakeJobsOfChanged(RunContext& run, Cycle& cycle);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_JOB_PLAN_H_
