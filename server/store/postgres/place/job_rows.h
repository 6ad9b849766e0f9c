#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_JOB_ROWS_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_JOB_ROWS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/postgres/place/control.h"

// Which server has the files of uploads and import jobs, and which jobs are not over. The jobs themselves are
// in the mirrors; a job is listed here before its document is there, and until it is over, so that whoever
// looks for those of a server that is gone need not open the mirrors. Errors: those of PostgresControl.

namespace mirror {

/// One that was not seen for so long is forgotten, unless a job is listed as its.
inline constexpr std::int64_t kUploadServerForgottenMs = 7LL * 86'400'000;

/// A server by the name of its folder of uploads, which outlives its starts.
struct UploadServer {
  std::string name;
  std::string url;             ///< What its calls begin with.
  std::int64_t silent_ms = 0;  ///< Since it was seen last, by the control database's clock; not written.
  friend bool operator==(const UploadServer&, const UploadServer&) = default;
};

/// Says that it is there.
absl::Status SeeUploadServer(PostgresControl& control, const UploadServer& server);
/// Absent: it was never seen, or is forgotten.
absl::StatusOr<std::optional<UploadServer>> FindUploadServer(PostgresControl& control,
                                                             const std::string& name);

/// Lists a job as the server's, which counts as seen by that.
absl::Status ListImportJob(PostgresControl& control, const UploadServer& server, const std::string& job);
absl::Status UnlistImportJob(PostgresControl& control, const std::string& job);
/// In the place of all that were listed as the server's.
absl::Status ListOnlyImportJobs(PostgresControl& control, const UploadServer& server,
                                const std::vector<std::string>& jobs);
/// Of servers that were not seen for `lease_ms`, by id.
absl::StatusOr<std::vector<std::string>> FindOrphanedJobs(PostgresControl& control, std::int64_t lease_ms);
/// All that are listed, by id.
absl::StatusOr<std::vector<std::string>> FindListedJobs(PostgresControl& control);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_JOB_ROWS_H_
