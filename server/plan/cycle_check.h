#ifndef MIRROR_SERVER_PLAN_CYCLE_CHECK_H_
#define MIRROR_SERVER_PLAN_CYCLE_CHECK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "server/plan/plan.h"

namespace mirror {

/// Returns the error for a call of a cycle that is over. `why` follows the word "over"; empty: no reason.
absl::Status CycleOver(std::int64_t cycle, const std::string& why);
/// Checks that `cycle` is the tenant's running one. Errors: CycleOver().
absl::Status CheckRuns(std::int64_t cycle, const TenantRecord& tenant);

/// Returns the number of the next cycle: `now_ms` if that is greater. A number that no server assigned, such
/// as one written by hand, counts as none.
std::int64_t CycleAfter(std::int64_t cycle, std::int64_t now_ms = 0);

/// Marks `status` as the report that a mirror does not exist (any more), to a source or an operator.
absl::Status TagMirrorDeleted(const std::string& context_id, absl::Status status);
/// Returns the error for calls of a cycle: kAborted.
absl::Status MirrorDeletedError(const std::string& context_id);
/// Converts such a status for clients of records: kNotFound, without advice to begin a cycle or to use an
/// operator's commands. Returns any other status unchanged.
absl::Status ToRecordsStatus(const absl::Status& status);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_CYCLE_CHECK_H_
