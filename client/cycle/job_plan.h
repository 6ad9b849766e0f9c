#ifndef MIRROR_CLIENT_CYCLE_JOB_PLAN_H_
#define MIRROR_CLIENT_CYCLE_JOB_PLAN_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cycle/run_context.h"
#include "mirror/v1/mirror_client.pb.h"
#include "proto/wire/table.h"

namespace mirror {

/// Continues the history of a table after its form changed (another strategy, other columns),
/// so that the table need not be sent again: a comparison finds the changes between the two.
/// The function does so in each run for a staged table; for a table whose history has gaps, if
/// MendsGaps() (also after a cycle died); and for a table of another source that the mirror's
/// operator let this source continue. Errors: those of the history, the state and the source.
absl::Status TakeOver(RunContext& run, const Cycle& cycle, const TableSchema& table,
                      const v1::TableStatus& status);

/// Returns, for people, why this source cannot continue another source's table; empty: it can.
std::string WhyNotAdopted(RunContext& run, const Cycle& cycle, const TableSchema& table,
                          const v1::TableStatus& status);

/// Returns why a table is unsent if its rows could not be read.
UnsentReason FindWhyUnread(const absl::Status& error);

/// Makes a job of each announced table of this cycle, or writes
/// into its report why there is nothing to send.
void MakeJobs(RunContext& run, Cycle& cycle);

/// Makes jobs of tables that were unchanged when the jobs were planned
/// and changed since. True: there are some. Errors: those of the history.
absl::StatusOr<bool> MakeJobsOfChanged(RunContext& run, Cycle& cycle);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_JOB_PLAN_H_
