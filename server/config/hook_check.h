#ifndef MIRROR_SERVER_CONFIG_HOOK_CHECK_H_
#define MIRROR_SERVER_CONFIG_HOOK_CHECK_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Checks what a configuration names as a hook's target, by its text alone.

namespace mirror {

/// The parts of a hook's URL.
struct HookUrl {
  std::string origin;  ///< "https://example.org:8443".
  std::string path;    ///< "/hooks?x=1".
};
/// Parses `url`. Errors: kInvalidArgument: not http or https, no host, a user or password in it.
absl::StatusOr<HookUrl> ParseHookUrl(const std::string& url);

/// Checks that `sql` consists of statements; does not look for their tables. Errors: kInvalidArgument.
absl::Status CheckHookSql(const std::string& sql);

}  // namespace mirror

#endif  // MIRROR_SERVER_CONFIG_HOOK_CHECK_H_
