#ifndef MIRROR_SERVER_JOBS_JOB_LIST_H_
#define MIRROR_SERVER_JOBS_JOB_LIST_H_

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/records/import_job.h"
#include "server/tenant/tenant.h"
#include "server/tenant/tenants.h"

// Import jobs of all tenants, the newest first. Which tenants have any, and when the newest of each came, is
// known without opening one; a page opens those alone whose jobs may stand in it.

namespace mirror {

/// The jobs of a data source, kJobsKeptMax at most; without those that cannot be read. Errors: those of
/// Tenant::ListDocuments().
absl::StatusOr<std::vector<ImportJob>> JobsOf(Tenant& tenant);

struct JobQuery {
  std::string storage, context_id;    ///< Empty: of all.
  std::set<std::string> states = {};  ///< Words, see ToString(JobState). Empty: in any.
  std::size_t page_size = 0;          ///< 0: kJobsPerPage; at most kJobsPerPageMax.
  std::string page_token = {};
};
inline constexpr std::size_t kJobsPerPage = 100, kJobsPerPageMax = 500;
/// Tenants that are opened for a page.
inline constexpr std::size_t kJobTenantsMax = 1'000;

struct ListedJob {
  ImportJob job;
  std::string context_id;
};
struct JobPage {
  std::vector<ListedJob> jobs;
  std::string next_page_token;  ///< Empty: the last. Behind it may be a page without a job.
};

/// A tenant that cannot be read hides no other. Errors: kInvalidArgument: a page token that no answer gave,
/// or a state that there is not; kNotFound: the storage or the tenant; kResourceExhausted: more than
/// kJobTenantsMax tenants would be opened. Threads: any.
absl::StatusOr<JobPage> ListImportJobs(Tenants& tenants, const JobQuery& query);

}  // namespace mirror

#endif  // MIRROR_SERVER_JOBS_JOB_LIST_H_
