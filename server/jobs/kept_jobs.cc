#include "server/jobs/kept_jobs.h"

namespace mirror {

absl::StatusOr<std::vector<ImportJob>> JobsOf(Tenant& tenant) {
  const absl::StatusOr<std::vector<Document>> kept = tenant.ListDocuments(kJobKind, "", kJobsKeptMax);
  if (!kept.ok()) return kept.status();
  return JobsIn(*kept);
}

}  // namespace mirror
