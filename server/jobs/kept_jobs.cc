#include "server/jobs/kept_jobs.h"

#include "base/status_macros.h"

namespace mirror {

absl::StatusOr<std::vector<ImportJob>> JobsOf(Tenant& tenant) {
  ASSIGN_OR_RETURN(const std::vector<Document> kept, tenant.ListDocuments(kJobKind, "", kJobsKeptMax));
  return JobsIn(kept);
}

}  // namespace mirror
