#ifndef MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_H_
#define MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_H_

#include <string>
#include <vector>

#include "base/text/command_line.h"
#include "tools/mirrorctl/admin/console.h"

namespace mirror {

/// mirrorctl [--config mirrorctl.toml] doctor [--source mirror-agent.toml] [--json]
/// Looks at everything between an operator, a source and the server, from the outside in, and says of each
/// step whether it is well and what to do if not; steps behind one that failed are skipped, so that it needs
/// no server. With --source and no mirrorctl.toml it looks at the source's side alone. Changes nothing. Exit
/// code: 0 nothing needs doing, 1 something does, 2 wrong usage or configuration.
/// `configs`: all that --config was given with. Where these are several, it looks at each server, and then
/// once at the source; one that cannot be read does not keep it from the others.
void AddDoctor(const cli::Command& app, const std::string& config_path,
               const std::vector<std::string>& configs, Console& console);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_H_
