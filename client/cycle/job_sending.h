#ifndef MIRROR_CLIENT_CYCLE_JOB_SENDING_H_
#define MIRROR_CLIENT_CYCLE_JOB_SENDING_H_

#include "absl/status/status.h"
#include "client/cycle/run_context.h"

namespace mirror {

/// Makes the targets of the jobs durable, before a row is read. Errors: the state's, the history's.
absl::Status RecordTargets(RunContext& run, Cycle& cycle);

/// Of a source with an exchange: from here on all tables are read as of one moment, the resting ones among
/// them, so that a row which moves from one table to another is never gone in between. Behind
/// RecordTargets(), which it repeats where more jobs came of it. Errors: also the source's.
absl::Status HoldMoment(RunContext& run, Cycle& cycle);

/// Sends the rows of all jobs. Errors: what ends the cycle; what is wrong with one table is in its job.
absl::Status SendJobs(RunContext& run, Cycle& cycle);

/// Reports what became of the jobs. `status`: of the cycle so far.
void ReportJobs(RunContext& run, const Cycle& cycle, const absl::Status& status);

/// Keeps what the mirror says that it applied. What is not what was sent is to be looked at.
void TakeReceipts(RunContext& run, Cycle& cycle);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_JOB_SENDING_H_
