#ifndef MIRROR_TOOLS_MIRRORCTL_INIT_INIT_SOURCE_H_
#define MIRROR_TOOLS_MIRRORCTL_INIT_INIT_SOURCE_H_

#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/mirrorctl/init/described_keys.h"
#include "tools/mirrorctl/init/init.h"

// Functions for 'mirrorctl init --source', which names a file, or a database on a server. Only
// LookAtSourceServer() connects to a server.

namespace mirror {

/// Returns true if `source` is a database on a server: postgresql://…, mariadb://… or odbc: with a DSN.
bool NamesServer(const std::string& source);

/// Returns the `dsn` of a [[source]] for a --source for which NamesServer() is true, in the form of the
/// source's kind. Without a role it has mirror_agent. Errors: kInvalidArgument: the text has a password,
/// names no database, or cannot be parsed; the message does not repeat it.
absl::StatusOr<std::string> SourceDsn(const std::string& source);

/// Checks that the agent can read what --source names, without connecting. OK if --source is empty or a file.
/// Errors: those of SourceDsn(); this build has no reader for the kind; the URL is of an unknown kind.
absl::Status CheckSourceServer(const InitOptions& options);

/// Returns the settings of the server that prevent reading its log, as texts for people that also say what to
/// do. Empty: there are none; or they cannot be read, because the server is not reachable, or the user does
/// not exist yet or has a password; or the install command of this kind checks them. It waits a few seconds
/// at most.
std::vector<std::string> LookAtSourceServer(const InitOptions& options);

/// Returns the commands that create the source's log, which are also needed for a source that is added later.
/// Empty: the source has no log. `install`: the install command with its configuration. For PostgreSQL it
/// prints a script for the owner of the tables, because the agent's role may only read.
std::string InstallSteps(const InitOptions& options, const std::string& install);

/// Returns the text of [[source]] of mirror-agent.toml. `path`: absolute path of a source that is a file,
/// below `root` on this machine.
std::string SourceConfiguration(const DescribedKeys& keys, const InitOptions& options,
                                const std::string& path, const std::string& root);

/// Returns the text of [[tenant]] of mirror-server.toml with the greatest age of tables, which follows from
/// the agent's interval. If the agent is stopped, or cannot send a table, the server then reports a problem
/// of the tenant.
std::string FreshnessConfiguration(const InitOptions& options);

/// Makes the file that 'password_file' names, below `folder`, with mode 0600, for an operator to fill in. For
/// PostgreSQL it has only comments, among them the line for the password; for MariaDB over a network it is
/// empty. Other sources get no file. Errors: writing. The file's own folder must exist.
absl::Status MakeSourcePassfile(const InitOptions& options, const std::string& folder);

/// Prints the statements that a DBA runs once, and which file gets the password. `folder`: the same as for
/// MakeSourcePassfile(). For a source that is a file it prints nothing.
void PrintSourceServer(const InitOptions& options, const std::string& folder, std::ostream& words);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_INIT_SOURCE_H_
