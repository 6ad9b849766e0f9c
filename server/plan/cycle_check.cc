#include "server/plan/cycle_check.h"

#include <algorithm>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

/// Numbers are times in unix milliseconds, or little later: this is the end of the year 9999.
constexpr std::int64_t kCycleMax = 253'402'300'799'999;
constexpr char kGonePayload[] = "mirror.plan/gone";

}  // namespace

absl::Status CycleOver(std::int64_t cycle, const std::string& why) {
  return absl::AbortedError(absl::StrCat(
      "cycle ", cycle, " is over", why,
      ". Nothing of this call was applied; earlier commits are kept. Begin a new cycle with Authenticate."));
}

absl::Status CheckRuns(std::int64_t cycle, const TenantRecord& tenant) {
  if (tenant.active && tenant.cycle == cycle) return absl::OkStatus();
  return CycleOver(cycle, tenant.active ? absl::StrCat(": cycle ", tenant.cycle, " took its place") : "");
}

std::int64_t CycleAfter(std::int64_t cycle, std::int64_t now_ms) {
  const bool given = cycle >= 0 && cycle < kCycleMax;
  return std::max(given ? cycle + 1 : 1, now_ms);
}

absl::Status TagMirrorDeleted(const std::string& context_id, absl::Status status) {
  status.SetPayload(kGonePayload, absl::Cord(context_id));
  return status;
}

absl::Status MirrorDeletedError(const std::string& context_id) {
  return TagMirrorDeleted(context_id, absl::AbortedError(absl::StrCat(
                                          "the mirror of '", context_id,
                                          "' no longer exists. Nothing was applied. Begin a new cycle with "
                                          "Authenticate.")));
}

absl::Status ToRecordsStatus(const absl::Status& status) {
  const auto gone = status.GetPayload(kGonePayload);
  if (!gone) return status;
  return absl::NotFoundError(
      absl::StrCat("'", std::string(*gone), "' was deleted, or is being deleted. Nothing was done."));
}

}  // namespace mirror
