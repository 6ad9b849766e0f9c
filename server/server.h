#ifndef MIRROR_SERVER_SERVER_H_
#define MIRROR_SERVER_SERVER_H_

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/config/config.h"
#include "server/hooks/hooks.h"

namespace mirror {

/// Sets up the process' log on standard error, as [log] says, gRPC's own lines included. Called once.
void SetUpLog(const ServerConfig& config);

class PostgresControl;

/// Everything that serves, from the catalog up: for `mirror-server`, and for any
/// program that needs an endpoint of its own.
/// Threads: one at a time.
class Server {
 public:
  /// Opens the data folder and both listeners; answers nothing before Start(). `hooks`: the program's own
  /// code, see MirrorHooks; null: none. The server keeps it until no thread runs in it. Errors:
  /// kFailedPrecondition, kUnavailable, and those of the files that the configuration names.
  static absl::StatusOr<std::unique_ptr<Server>> Open(const ServerConfig& as_written,
                                                      std::shared_ptr<MirrorHooks> hooks = nullptr);
  ~Server();

  void Start();
  /// Returns "127.0.0.1:7443", with the port that the system chose.
  std::string address() const;
  std::string admin_address() const;
  /// Empty: metrics are not served.
  std::string metrics_address() const;
  /// Returns "https://127.0.0.1:7447"; empty: JSON is not served.
  std::string http_url() const;

  /// Reads keys and configuration again, as far as possible without a restart. Returns the number of keys.
  absl::StatusOr<std::size_t> Reload();
  /// Does periodic maintenance. Called once in a while.
  void KeepHouse();
  /// Waits until the running calls end, then ends the cycles.
  void Stop();

 private:
  struct Parts;
  Server();
  std::unique_ptr<Parts> parts_;
};

/// Checks everything of a configuration that needs no port and no folder.
absl::Status CheckServerFiles(const ServerConfig& config);
/// Checks whether the servers that have the same mirrors now let this one start. Returns, in sentences, the
/// differences from them that do not prevent that. Errors: kFailedPrecondition, kUnavailable.
absl::StatusOr<std::vector<std::string>> CheckOtherServers(const ServerConfig& config,
                                                           PostgresControl& control);

}  // namespace mirror

#endif  // MIRROR_SERVER_SERVER_H_
