#ifndef MIRROR_SERVER_PLAN_CYCLE_CHECK_H_
#define MIRROR_SERVER_PLAN_CYCLE_CHECK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "server/plan/plan.h"

namespace mirror {

/// What a call of a cycle that is over gets. `why` follows the word "over"; empty: no reason is given.
absl::Status CycleOver(std::int64_t cycle, const std::string& why);
/// Whether `cycle` is the tenant's running one. Errors: CycleOver().
absl::Status CheckRuns(std::int64_t cycle, const TenantRecord& tenant);

/// The number of the cycle after this one: the time where that is later. A number that no server gave, as one
/// that was written by hand, counts as none.
std::int64_t CycleAfter(std::int64_t cycle, std::int64_t now_ms = 0);

/// `status` says to a source, or to an operator, that a mirror is not there, or not any more.
absl::Status OfGone(const std::string& context_id, absl::Status status);
/// To the calls of a cycle: kAborted.
absl::Status IsGoneFromCycle(const std::string& context_id);
/// To whoever asks for records: kNotFound, since he has no cycle to begin, and none of an operator's
/// commands. Any other status stays as it is.
absl::Status InRecordsWords(const absl::Status& status);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_CYCLE_CHECK_H_
