#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_JOB_ROWS_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_JOB_ROWS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/postgres/place/control.h"

// Which server has the files of uploads and import jobs, and which jobs are not finished. The jobs themselves
// are in the mirrors. A job is listed here from before its document exists until it is finished. So jobs of a
// dead server are found without opening mirrors. Errors: those of PostgresControl.

namespace mirror {

/// A server that was not seen for this time is forgotten, unless it has a listed job.
inline constexpr std::int64_t kUploadServerForgottenMs = 7LL * 86'400'000;

/// A server, identified by the name of its uploads folder. That name stays the same over restarts.
struct UploadServer {
  std::string name;
  std::string url;             ///< URL prefix for calls to it.
  std::int64_t silent_ms = 0;  ///< Time since it was last seen, by the control database's clock; not written.
  friend bool operator==(const UploadServer&, const UploadServer&) = default;
};

/// Records that the server runs now.
absl::Status SeeUploadServer(PostgresControl& control, const UploadServer& server);
/// Absent: the server was never seen, or was forgotten.
absl::StatusOr<std::optional<UploadServer>> FindUploadServer(PostgresControl& control,
                                                             const std::string& name);

/// Lists a job as one of the server's. Also records that the server runs now.
absl::Status ListImportJob(PostgresControl& control, const UploadServer& server, const std::string& job);
absl::Status UnlistImportJob(PostgresControl& control, const std::string& job);
/// Replaces all jobs that are listed as the server's.
absl::Status ListOnlyImportJobs(PostgresControl& control, const UploadServer& server,
                                const std::vector<std::string>& jobs);
/// Returns the ids of jobs whose server was not seen for `lease_ms` milliseconds.
absl::StatusOr<std::vector<std::string>> FindOrphanedJobs(PostgresControl& control, std::int64_t lease_ms);
/// Returns the ids of all listed jobs.
absl::StatusOr<std::vector<std::string>> FindListedJobs(PostgresControl& control);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_JOB_ROWS_H_
