#ifndef MIRROR_TOOLS_MIRRORCTL_INIT_INIT_SOURCE_H_
#define MIRROR_TOOLS_MIRRORCTL_INIT_INIT_SOURCE_H_

#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/mirrorctl/init/described_keys.h"
#include "tools/mirrorctl/init/init.h"

// Handles 'mirrorctl init --source': a file, or a database on a server. Only LookAtSourceServer() connects to
// anything.

namespace mirror {

/// Tells whether `source` is a database on a server: postgresql://…, mariadb://… or odbc: with a DSN.
bool NamesServer(const std::string& source);

/// Returns the `dsn` of a [[source]] in the form of its kind, for a --source that NamesServer(). The role
/// defaults to mirror_agent. Errors: kInvalidArgument, without quoting it: it holds a password, names no
/// database, or cannot be read.
absl::StatusOr<std::string> SourceDsn(const std::string& source);

/// Checks that the agent can read what --source names, without connecting. OK if it is empty or a
/// file. Errors: those of SourceDsn(); a kind that this build has no reader for; a URL of an unknown
/// kind.
absl::Status CheckSourceServer(const InitOptions& options);

/// Returns the settings of the server that prevent reading its log, each for people with what to do. Empty:
/// none, or they cannot be read: the server is not reachable, the user does not exist yet or has a password,
/// or the kind's install checks them. Waits a few seconds at most.
std::vector<std::string> LookAtSourceServer(const InitOptions& options);

/// Returns the commands that create the source's log, also for a source added later; empty: the source has no
/// log. `install`: that command, with the configuration. For PostgreSQL they print a script for the owner of
/// the tables; the agent's role only reads.
std::string InstallSteps(const InitOptions& options, const std::string& install);

/// Returns [[source]] of mirror-agent.toml. `path`: absolute path of a source that is a file; on this machine
/// it is below `root`.
std::string SourceConfiguration(const DescribedKeys& keys, const InitOptions& options,
                                const std::string& path, const std::string& root);

/// Returns [[tenant]] of mirror-server.toml: the greatest age of tables, from the agent's interval. A stopped
/// agent, or a table that it cannot send, then becomes a problem of its tenant.
std::string FreshnessConfiguration(const InitOptions& options);

/// Makes the file that 'password_file' names, below `folder`, with mode 0600, for an operator to fill in. For
/// PostgreSQL it has only comments, among them the line for the password; for MariaDB over a network it is
/// empty. Other sources get no file. Errors: writing. The file's own folder must exist.
absl::Status MakeSourcePassfile(const InitOptions& options, const std::string& folder);

/// Prints what a DBA types once and the file for the password. `folder`: that of MakeSourcePassfile(). Prints
/// nothing for a source that is a file.
void PrintSourceServer(const InitOptions& options, const std::string& folder, std::ostream& words);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_INIT_SOURCE_H_
