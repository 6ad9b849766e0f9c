#ifndef MIRROR_SERVER_JOBS_JOB_SERVERS_H_
#define MIRROR_SERVER_JOBS_JOB_SERVERS_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mirror {

/// The servers that have the same mirrors, for uploads and import jobs. Each server has files that no other
/// server has. A server's name is the name of its folder of uploads, which stays the same over restarts.
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

  /// Lists a job whose file is on this server, before its document is written. If this server is lost,
  /// another server ends the listed jobs.
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

/// A server as shown to operators.
struct ListedServer {
  std::string server_id;  ///< Id of one start of the server; empty: it shares nothing with other servers.
  std::string host;
  std::string address, admin_address;
  std::string version;
  std::string rules;  ///< A hash of the settings that must be the same on all of them.
  std::int64_t clock_ahead_ms = 0;
  std::int64_t started_ms = 0;
  std::int64_t silent_ms = 0;  ///< Since its last sign of life.
  std::vector<std::string> duties = {};
  /// Places that it does not serve, since they did not answer at its start, or something is wrong there.
  std::vector<std::string> closed_places = {};  ///< Only for the server that was asked.
  bool here = false;                            ///< This server was asked.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_JOBS_JOB_SERVERS_H_
