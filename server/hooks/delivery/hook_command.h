#ifndef MIRROR_SERVER_HOOKS_DELIVERY_HOOK_COMMAND_H_
#define MIRROR_SERVER_HOOKS_DELIVERY_HOOK_COMMAND_H_

#include <memory>
#include <string>
#include <vector>

#include "server/hooks/hook_target.h"

namespace mirror {

/// Runs a program without a shell. It gets the JSON on its standard input, and its folder is "/". Its
/// environment is PATH, LANG, and two variables with the event and the tenant. It inherits no files and no
/// blocked signals. Exit code 0 means delivered. At the timeout the program and its process group are killed.
std::unique_ptr<HookTarget> MakeCommandHook(std::vector<std::string> command);

}  // namespace mirror

#endif  // MIRROR_SERVER_HOOKS_DELIVERY_HOOK_COMMAND_H_
