#ifndef MIRROR_TOOLS_MIRRORCTL_INIT_APIKEY_COMMAND_H_
#define MIRROR_TOOLS_MIRRORCTL_INIT_APIKEY_COMMAND_H_

#include "base/text/command_line.h"
#include "tools/mirrorctl/admin/console.h"

namespace mirror {

/// mirrorctl apikey issue NAME --dir DIR --storages PATTERN[,PATTERN] --role ROLE [--json];
///                 list --dir DIR [--json]; revoke NAME --dir DIR
/// Adds these commands. They work on the keys in the folder that DIR/mirror-server.toml names, and refuse to
/// work without that file. Files that root creates get the owner of that file. Exit code: 0 done, 1 refused
/// (reason on stderr), 2 wrong usage.
void AddApiKey(const cli::Command& app, Console& console);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_APIKEY_COMMAND_H_
