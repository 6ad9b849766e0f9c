#ifndef MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_H_
#define MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_H_

#include <string>
#include <vector>

#include "base/text/command_line.h"
#include "tools/mirrorctl/admin/console.h"

namespace mirror {

/// mirrorctl [--config mirrorctl.toml] doctor [--source mirror-agent.toml] [--json]
/// Checks everything between an operator, a source and the server, from the outside in. Says for each step
/// whether it is well and what to do if not. Skips steps that need an earlier step that failed, so a server
/// is not needed. With --source and without mirrorctl.toml it checks the source's side alone. Changes
/// nothing. Exit code: 0 nothing to do, 1 something to do, 2 wrong usage or configuration.
/// `configs`: all values of --config. With several it checks each server, then the source once. A file that
/// cannot be read does not stop the checks of the others.
void AddDoctor(const cli::Command& app, const std::string& config_path,
               const std::vector<std::string>& configs, Console& console);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_H_
