#ifndef MIRROR_SERVER_HOOKS_DELIVERY_HOOK_URL_H_
#define MIRROR_SERVER_HOOKS_DELIVERY_HOOK_URL_H_

#include <memory>

#include "server/config/hook_check.h"
#include "server/hooks/hook_target.h"

namespace mirror {

/// Sends the JSON by HTTP POST. Status 200 to 299 means delivered; a redirect is a failure. For https the
/// system must trust the certificate, and the certificate must name the host.
std::unique_ptr<HookTarget> MakeUrlHook(HookUrl url);

}  // namespace mirror

#endif  // MIRROR_SERVER_HOOKS_DELIVERY_HOOK_URL_H_
