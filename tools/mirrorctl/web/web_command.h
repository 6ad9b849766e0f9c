#ifndef MIRROR_TOOLS_MIRRORCTL_WEB_WEB_COMMAND_H_
#define MIRROR_TOOLS_MIRRORCTL_WEB_WEB_COMMAND_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/text/command_line.h"
#include "tools/mirrorctl/admin/console.h"

namespace mirror {

/// Admits browsers. The program prints a secret with its address, which is valid once. A browser exchanges it
/// for a bearer token, which each later request has to contain. Both are 256 random bits, valid while the
/// program runs, and compared in constant time. Threads: any.
class WebEntry {
 public:
  WebEntry();

  const std::string& secret() const { return secret_; }
  /// Returns the bearer token for the secret. Errors: kUnauthenticated: `secret` is wrong or was used before.
  absl::StatusOr<std::string> Exchange(std::string_view secret) MIRROR_EXCLUDES(mutex_);
  /// Returns true if a request has the bearer token. `authorization`: the value of its Authorization field;
  /// null: it has none.
  bool Admits(const std::string* authorization) const;

 private:
  const std::string secret_, bearer_;
  Mutex mutex_;
  bool used_ MIRROR_GUARDED_BY(mutex_) = false;
};

/// Adds the command web [--port N]. It serves the operator's pages to browsers of this machine until it is
/// interrupted, and prints their address with a secret that is valid once. Exit code: 0 interrupted, 1 the
/// port is not available, 2 wrong usage or configuration.
///
/// `config_path` and `console` must outlive `app`.
void AddWebCommand(const cli::Command& app, const std::string& config_path, Console& console);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_WEB_WEB_COMMAND_H_
