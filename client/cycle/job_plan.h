#ifndef MIRROR_CLIENT_CYCLE_JOB_PLAN_H_
#define MIRROR_CLIENT_CYCLE_JOB_PLAN_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cycle/run_context.h"
#include "mirror/v1/mirror_client.pb.h"
#include "proto/wire/table.h"

namespace mirror {

/// Makes the history go on where another form of it stopped (another strategy, other columns), so that the
/// table need not be sent again: what changed between the two a comparison finds. A staged table is taken
/// over each time. So is one of which the history missed something and MendsGaps(), also where a cycle died,
/// and one that another source sent, whose place the mirror's operator let this one take. Errors: the
/// history's, the state's; the source's.
absl::Status TakeOver(RunContext& run, const Cycle& cycle, const TableSchema& table,
                      const v1::TableStatus& status);

/// Why this source does not go on from what another one sent of the table, for people; empty: it may.
std::string WhyNotAdopted(RunContext& run, const Cycle& cycle, const TableSchema& table,
                          const v1::TableStatus& status);

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
