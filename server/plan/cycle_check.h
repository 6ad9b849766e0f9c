#ifndef MIRROR_SERVER_PLAN_CYCLE_CHECK_H_
#define MIRROR_SERVER_PLAN_CYCLE_CHECK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "server/plan/plan.h"

namespace mirror {

/// Returns the error for a call of a cycle that is over. `why`: text to append to "is over"; may be empty.
absl::Status CycleOver(std::int64_t cycle, const std::string& why);
/// Checks that `cycle` is the tenant's running cycle. Errors: CycleOver().
absl::Status CheckRuns(std::int64_t cycle, const TenantRecord& tenant);

/// Returns the number for the next cycle: `now_ms`, or `cycle` + 1 if that is greater. A `cycle` that no
/// server can have assigned, such as one written by hand, is ignored.
std::int64_t CycleAfter(std::int64_t cycle, std::int64_t now_ms = 0);

/// Marks `status` as the report that the mirror was deleted, or never existed.
absl::Status TagMirrorDeleted(const std::string& context_id, absl::Status status);
/// Returns the error for calls of a cycle whose mirror was deleted: kAborted.
absl::Status MirrorDeletedError(const std::string& context_id);
/// Converts a status that TagMirrorDeleted() marked, for clients of records. The new status is kNotFound. It
/// does not advise to begin a cycle, or to use an operator's commands. Returns any other status unchanged.
absl::Status ToRecordsStatus(const absl::Status& status);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_CYCLE_CHECK_H_
