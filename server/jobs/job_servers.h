#ifndef MIRROR_SERVER_JOBS_JOB_SERVERS_H_
#define MIRROR_SERVER_JOBS_JOB_SERVERS_H_

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mirror {

/// The servers that have the same mirrors, for uploads and import jobs: each has files that no
/// other server has. Its name is that of its folder of uploads, which outlives its starts.
/// Errors of every call: kUnavailable. Threads: any.
class JobServers {
 public:
  struct Server {
    std::string url;                      ///< The beginning of calls to it.
    std::chrono::milliseconds silent{0};  ///< Time since its last sign of life.
    bool answers = true;                  ///< It gave a sign of life not long ago.
  };

  virtual ~JobServers() = default;

  /// Returns the name of this server.
  virtual const std::string& here() const = 0;
  /// Finds a server. Absent: it is unknown, or was forgotten.
  virtual absl::StatusOr<std::optional<Server>> Find(const std::string& name) = 0;

  /// Lists a job whose file is here, before its document is written: another server
  /// ends listed jobs of a server that is lost.
  virtual absl::Status List(const std::string& job) = 0;
  /// Removes a job from the list: it is over, and its file is removed.
  virtual absl::Status Unlist(const std::string& job) = 0;
  /// Returns the listed jobs of all servers: no server has a file of any other job.
  virtual absl::StatusOr<std::vector<std::string>> FindListed() = 0;
  /// Called at the start: only these jobs have their files here.
  virtual absl::Status ListOnly(const std::vector<std::string>& jobs) = 0;
  /// Returns the jobs whose server was silent for `lease`, if this server has
  /// the duty to end them for all; else none.
  virtual absl::StatusOr<std::vector<std::string>> FindOrphans(std::chrono::milliseconds lease) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_JOBS_JOB_SERVERS_H_
