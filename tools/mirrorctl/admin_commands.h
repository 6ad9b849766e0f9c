#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_COMMANDS_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_COMMANDS_H_

#include <string>
#include <vector>

#include "base/text/command_line.h"
#include "tools/mirrorctl/admin/console.h"

namespace mirror {

/// The commands that ask a running server, over its [admin] listener:
///   tenants [--watch] | tables CTX [--watch] | invalidate CTX (--table T... | --all) | reset CTX (--table
///   T... | --all) pause CTX [--reason TEXT] | resume CTX | delete CTX --confirm CTX events [CTX] [--limit N]
///   [--follow] | keys [--reload] | diagnose [CTX] | storages [PATTERN] | jobs [--watch] |
///   export CTX TABLE --format F --out FILE
/// A table is printed as text with a header line, or with --json as an array of objects that have the names
/// of the messages' fields; 'events --follow --json' prints one object a line, 'diagnose --json' one object.
/// Exit code: 0 answered, 1 refused or unreachable (reason on stderr), 2 wrong usage or configuration.
///
/// `config_path` is what --config of `app` sets; empty: see FindConfig(). `configs`: all that it was given
/// with; null: it is given once. They and `console` outlive `app`.
///   audit list [--limit N] | audit verify
void AddAdminCommands(const cli::Command& app, const std::string& config_path, Console& console,
                      const std::vector<std::string>* configs = nullptr);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_COMMANDS_H_
