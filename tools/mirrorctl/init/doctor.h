#ifndef MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_H_
#define MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_H_

#include <string>
#include <vector>

#include "base/text/command_line.h"
#include "tools/mirrorctl/admin/console.h"

namespace mirror {

/// mirrorctl [--config mirrorctl.toml] doctor [--source mirror-agent.toml] [--json] Checks everything between
/// an operator, a source and the server, from the outside in. For each step it prints the result and, if
/// there is a problem, what to do. If a step fails, later steps that need it are skipped, so that the command
/// also works without a running server. With --source and without mirrorctl.toml it checks only the source's
/// side. It changes nothing. Exit code: 0 nothing to do, 1 something to do, 2 wrong usage or configuration.
/// `configs`: all values of --config. With several it checks each server, then the source once. A file that
/// cannot be read does not stop the checks of the others.
void AddDoctor(const cli::Command& app, const std::string& config_path,
               const std::vector<std::string>& configs, Console& console);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_H_
