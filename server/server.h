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

/// The process' log, on standard error, as [log] says; gRPC's own lines with it. Called once.
void SetUpLog(const ServerConfig& config);

class PostgresControl;

/// Everything that serves, from the catalog up: what `mirror-server` runs, and any program that wants an
/// endpoint of its own.
/// Threads: one at a time.
class Server {
 public:
  /// Opens the data folder and both listeners; nothing is answered before Start(). `hooks`: the program's own
  /// code, see MirrorHooks; null: none. It is kept until no thread is in it any more.
  /// Errors: kFailedPrecondition, kUnavailable, and those of the files that the configuration names.
  static absl::StatusOr<std::unique_ptr<Server>> Open(const ServerConfig& as_written,
                                                      std::shared_ptr<MirrorHooks> hooks = nullptr);
  ~Server();

  void Start();
  /// "127.0.0.1:7443", with the port that the system chose.
  std::string address() const;
  std::string admin_address() const;
  /// Empty: they are not served.
  std::string metrics_address() const;
  /// "https://127.0.0.1:7447"; empty: JSON is not served.
  std::string http_url() const;

  /// Keys and configuration are read again, as far as that goes without a restart.
  absl::StatusOr<std::size_t> Reload();
  /// Once in a while.
  void KeepHouse();
  /// Lets the calls that run end, then ends the cycles.
  void Stop();

 private:
  struct Parts;
  Server();
  std::unique_ptr<Parts> parts_;
};

/// Everything of a configuration that can be known without taking a port or a folder.
absl::Status CheckServerFiles(const ServerConfig& config);
/// Whether the servers that have the same mirrors now let this one start; of which it would differ in what
/// keeps nobody from that, in sentences for people. Errors: kFailedPrecondition, kUnavailable.
absl::StatusOr<std::vector<std::string>> CheckOtherServers(const ServerConfig& config,
                                                           PostgresControl& control);

}  // namespace mirror

#endif  // MIRROR_SERVER_SERVER_H_
