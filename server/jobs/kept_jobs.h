#ifndef MIRROR_SERVER_JOBS_KEPT_JOBS_H_
#define MIRROR_SERVER_JOBS_KEPT_JOBS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "server/records/import_job.h"
#include "server/tenant/tenant.h"

namespace mirror {

/// The jobs of a data source, kJobsKeptMax at most; without those that cannot be read. Errors: those of
/// Tenant::ListDocuments().
absl::StatusOr<std::vector<ImportJob>> JobsOf(Tenant& tenant);

}  // namespace mirror

#endif  // MIRROR_SERVER_JOBS_KEPT_JOBS_H_
