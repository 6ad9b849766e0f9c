#ifndef MIRROR_TOOLS_MIRRORCTL_INIT_INIT_SOURCE_H_
#define MIRROR_TOOLS_MIRRORCTL_INIT_INIT_SOURCE_H_

#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/mirrorctl/init/described_keys.h"
#include "tools/mirrorctl/init/init.h"

// What 'mirrorctl init --source' names: a file, or a database of a server. Nothing but
// LookAtSourceServer() connects.

namespace mirror {

/// Whether it is a database of a server: postgresql://…, mariadb://…, odbc:NAME or odbc:CONNECTION-STRING.
bool NamesServer(const std::string& source);

/// The `dsn` of a [[source]], in the words of its kind, as of --source that NamesServer(). A role that is not
/// named is mirror_agent. Errors: kInvalidArgument, without its text: it holds a password, names no database,
/// or cannot be read.
absl::StatusOr<std::string> SourceDsn(const std::string& source);

/// Whether the agent can read what --source names, as far as can be said without looking at it. All is well
/// where it is empty or a file. Errors: those of SourceDsn(), a kind that this build has no reader for, and
/// the URL of another one.
absl::Status CheckSourceServer(const InitOptions& options);

/// What in the settings of the server keeps its log from being read, each for people with what to do. Empty:
/// nothing, or it cannot be asked as it is: it is not reached, the user is not there yet, has a password, or
/// it is of a kind whose install says so. Waits a few seconds at most.
std::vector<std::string> LookAtSourceServer(const InitOptions& options);

/// The lines by which its log is made, also of one that is added later; empty: it has none. `install`: that
/// command, with the configuration. Of PostgreSQL its script, for who owns the tables: the agent's role does
/// not.
std::string InstallSteps(const InitOptions& options, const std::string& install);

/// [[source]] of mirror-agent.toml. `path`: of a file, absolute.
std::string SourceConfiguration(const DescribedKeys& keys, const InitOptions& options,
                                const std::string& path);

/// [[tenant]] of mirror-server.toml: how old tables may become, by the agent's interval. An agent that stands
/// still, or a table that it cannot send, is a problem of its tenant from then on.
std::string FreshnessConfiguration(const InitOptions& options);

/// The file that 'password_file' names, below `folder`, which has its folder: with mode 0600, and to fill in.
/// Of PostgreSQL it has comments alone, among them the line that a password goes into; of MariaDB by the
/// network it is empty. Nothing is made of other sources. Errors: writing.
absl::Status MakeSourcePassfile(const InitOptions& options, const std::string& folder);

/// What a DBA types once, and where a password goes: `folder` is that of MakeSourcePassfile(). Nothing of a
/// file.
void PrintSourceServer(const InitOptions& options, const std::string& folder, std::ostream& words);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_INIT_SOURCE_H_
