#ifndef MIRROR_TOOLS_MIRRORCTL_AUDIT_COMMANDS_H_
#define MIRROR_TOOLS_MIRRORCTL_AUDIT_COMMANDS_H_

#include <string>

#include "base/text/command_line.h"
#include "tools/mirrorctl/admin/console.h"

namespace mirror {

/// The audit log of a running server:
///   audit list [--limit N] [--json]
///   audit verify [--certificate FILE...] [--receipt FILE] [--chain ID] [--json]
/// 'verify' recomputes the chain and verifies its signatures here: the server's word for it is not asked.
/// Exit code: 0 answered, and the log is whole; 1 refused, unreachable, or something is wrong with the log;
/// 2 wrong usage or configuration.
///
/// `config_path` and `console` outlive `app`.
void AddAuditCommands(const cli::Command& app, const std::string& config_path, Console& console);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_AUDIT_COMMANDS_H_
