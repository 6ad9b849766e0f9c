#ifndef MIRROR_TOOLS_MIRRORCTL_INIT_CERTS_COMMAND_H_
#define MIRROR_TOOLS_MIRRORCTL_INIT_CERTS_COMMAND_H_

#include "base/text/command_line.h"
#include "tools/mirrorctl/admin/console.h"

namespace mirror {

/// mirrorctl certs issue-source | remove-source | issue-application | issue-tls | issue-client |
///                 issue-operator | issue-viewer | show
/// Adds these commands. They work on the files of a folder that 'mirrorctl init' made, and need no server.
/// The commands that issue a certificate print the files that they wrote and what to do next. `show` prints a
/// header and one line for each file (file, subject, key id, algorithm, from, until, thumbprint), or with
/// --json an array of objects. Exit code: 0 done, 1 refused or failed (reason on stderr), 2 wrong usage.
void AddCerts(const cli::Command& app, Console& console);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_CERTS_COMMAND_H_
