#ifndef MIRROR_SERVER_JOBS_JOB_SERVERS_H_
#define MIRROR_SERVER_JOBS_JOB_SERVERS_H_

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mirror {

/// The servers that have the same mirrors, as uploads and import jobs see them: each has files that no other
/// one has, and is known by the name of its folder of uploads, which outlives its starts.
/// Errors of every call: kUnavailable. Threads: any.
class JobServers {
 public:
  struct Server {
    std::string url;                      ///< What its calls begin with.
    std::chrono::milliseconds silent{0};  ///< Since it was heard of last.
    bool answers = true;                  ///< It was heard of not long ago.
  };

  virtual ~JobServers() = default;

  /// The name of this one.
  virtual const std::string& here() const = 0;
  /// Absent: nobody knows it, or not any more.
  virtual absl::StatusOr<std::optional<Server>> Find(const std::string& name) = 0;

  /// Says that a job has its file here, before its document is written: what is listed and of a server that
  /// is gone, is ended by another one.
  virtual absl::Status List(const std::string& job) = 0;
  /// The job is over, and its file is gone.
  virtual absl::Status Unlist(const std::string& job) = 0;
  /// Those that are listed, of whichever server: of no other one a file is there.
  virtual absl::StatusOr<std::vector<std::string>> FindListed() = 0;
  /// At the start: those and no others have their files here.
  virtual absl::Status ListOnly(const std::vector<std::string>& jobs) = 0;
  /// Those whose server was not heard of for `lease`, where it is this server that ends them for all; else
  /// none.
  virtual absl::StatusOr<std::vector<std::string>> FindOrphans(std::chrono::milliseconds lease) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_JOBS_JOB_SERVERS_H_
