#ifndef MIRROR_TOOLS_MIRRORCTL_WEB_WEB_COMMAND_H_
#define MIRROR_TOOLS_MIRRORCTL_WEB_WEB_COMMAND_H_

#include <string>

#include "base/text/command_line.h"
#include "tools/mirrorctl/admin/console.h"

namespace mirror {

/// web [--port N]: serves the operator's pages to browsers of this machine until it is interrupted, and
/// prints their address with a secret that is good once. Exit code: 0 interrupted, 1 the port cannot be had,
/// 2 wrong usage or configuration.
///
/// `config_path` and `console` outlive `app`.
void AddWebCommand(const cli::Command& app, const std::string& config_path, Console& console);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_WEB_WEB_COMMAND_H_
