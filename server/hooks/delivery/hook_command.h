#ifndef MIRROR_SERVER_HOOKS_DELIVERY_HOOK_COMMAND_H_
#define MIRROR_SERVER_HOOKS_DELIVERY_HOOK_COMMAND_H_

#include <memory>
#include <string>
#include <vector>

#include "server/hooks/hook_target.h"

namespace mirror {

/// Runs a program, without a shell: the JSON on its standard input, in "/", with PATH, LANG and two variables
/// that name event and tenant, and nothing else of this process: no files, no blocked signals. Exit code 0:
/// delivered. At the timeout it is killed with its process group, which is its own.
std::unique_ptr<HookTarget> MakeCommandHook(std::vector<std::string> command);

}  // namespace mirror

#endif  // MIRROR_SERVER_HOOKS_DELIVERY_HOOK_COMMAND_H_
