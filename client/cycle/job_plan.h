#ifndef MIRROR_CLIENT_CYCLE_JOB_PLAN_H_
#define MIRROR_CLIENT_CYCLE_JOB_PLAN_H_

#include "absl/status/statusor.h"
#include "client/cycle/run_context.h"

namespace mirror {

/// Makes of each announced table that the cycle is about a job, or says in its report why there is nothing to
/// send.
void MakeJobs(RunContext& run, Cycle& cycle);

/// Makes jobs of tables that rested when they were planned and changed since. True: there are some. Errors:
/// the history's.
absl::StatusOr<bool> MakeJobsOfChanged(RunContext& run, Cycle& cycle);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_JOB_PLAN_H_
