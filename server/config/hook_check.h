#ifndef MIRROR_SERVER_CONFIG_HOOK_CHECK_H_
#define MIRROR_SERVER_CONFIG_HOOK_CHECK_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// What a configuration may name as a hook's target, by its text alone.

namespace mirror {

/// What a URL of a hook names.
struct HookUrl {
  std::string origin;  ///< "https://example.org:8443".
  std::string path;    ///< "/hooks?x=1".
};
/// Errors: kInvalidArgument: not http or https, no host, a user or password in it.
absl::StatusOr<HookUrl> ParseHookUrl(const std::string& url);

/// Whether these are statements at all; their tables are not looked at. Errors: kInvalidArgument.
absl::Status CheckHookSql(const std::string& sql);

}  // namespace mirror

#endif  // MIRROR_SERVER_CONFIG_HOOK_CHECK_H_
