#ifndef MIRROR_SERVER_HOOK_URL_H_
#define MIRROR_SERVER_HOOK_URL_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/hook_target.h"

namespace mirror {

/// What a URL of a hook names.
struct HookUrl {
  std::string origin;  ///< "https://example.org:8443".
  std::string path;    ///< "/hooks?x=1".
};
/// Errors: kInvalidArgument: not http or https, no host, a user or password in it.
absl::StatusOr<HookUrl> ParseHookUrl(const std::string& url);

/// POSTs the JSON. Status 200 to 299: delivered. A redirect is a failure; the certificate of https must be
/// believed by the system, and name the host.
std::unique_ptr<HookTarget> MakeUrlHook(HookUrl url);

}  // namespace mirror

#endif  // MIRROR_SERVER_HOOK_URL_H_
