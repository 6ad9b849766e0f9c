#ifndef MIRROR_SERVER_JOBS_JOB_LIST_H_
#define MIRROR_SERVER_JOBS_JOB_LIST_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/records/import_job.h"
#include "server/tenant/tenant.h"
#include "server/tenant/tenants.h"

// Import jobs of all tenants, the newest first. Summaries tell which tenants have jobs, and the time of each
// tenant's newest job. So a page opens only mirrors whose jobs may be on it.

namespace mirror {

/// Returns the jobs of a data source, at most kJobsKeptMax; without those that cannot be
/// read. Errors: those of Tenant::ListDocuments().
absl::StatusOr<std::vector<ImportJob>> JobsOf(Tenant& tenant);

/// Called for a job that is not over, under its tenant's lock: an error says why the job continues.
using MayEndJob = std::function<absl::Status(const ImportJob& job)>;
/// Ends the job with `message` as its cause. Returns the ended job; absent: it was over before, or does not
/// exist. Errors: those of RecordsCalls and of `may_end`.
absl::StatusOr<std::optional<ImportJob>> EndJob(
    Tenant& tenant, const std::string& id, const std::string& message, std::int64_t now_ms,
    const MayEndJob& may_end = [](const ImportJob&) { return absl::OkStatus(); });

struct JobQuery {
  std::string storage, context_id;    ///< Empty: all.
  std::set<std::string> states = {};  ///< See ToString(JobState). Empty: any state.
  std::size_t page_size = 0;          ///< 0: kJobsPerPage; at most kJobsPerPageMax.
  std::string page_token = {};
};
inline constexpr std::size_t kJobsPerPage = 100, kJobsPerPageMax = 500;
/// Maximum number of tenants that are opened for a page.
inline constexpr std::size_t kJobTenantsMax = 1'000;

struct ListedJob {
  ImportJob job;
  std::string context_id;
};
struct JobPage {
  std::vector<ListedJob> jobs;
  std::string next_page_token;  ///< Empty: the last page. The page after a token may be empty.
};

/// A tenant that cannot be read does not hide others. Errors: kInvalidArgument: a page token that no answer
/// gave, or an unknown state; kNotFound: the storage or the tenant; kResourceExhausted: more than
/// kJobTenantsMax tenants would be opened. Threads: any.
absl::StatusOr<JobPage> ListImportJobs(Tenants& tenants, const JobQuery& query);

}  // namespace mirror

#endif  // MIRROR_SERVER_JOBS_JOB_LIST_H_
