#include "server/plan/cycle_check.h"

#include "absl/strings/str_cat.h"

namespace mirror {

absl::Status CycleOver(std::int64_t cycle, const std::string& why) {
  return absl::AbortedError(absl::StrCat(
      "cycle ", cycle, " is over", why,
      ". Nothing of this call was applied; what was committed before stays. Begin a new cycle with "
      "Authenticate."));
}

absl::Status CheckRuns(std::int64_t cycle, const TenantRecord& tenant) {
  if (tenant.active && tenant.cycle == cycle) return absl::OkStatus();
  return CycleOver(cycle, tenant.active ? absl::StrCat(": cycle ", tenant.cycle, " took its place") : "");
}

}  // namespace mirror
