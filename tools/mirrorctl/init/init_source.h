#ifndef MIRROR_TOOLS_MIRRORCTL_INIT_INIT_SOURCE_H_
#define MIRROR_TOOLS_MIRRORCTL_INIT_INIT_SOURCE_H_

#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/mirrorctl/init/init.h"

// What 'mirrorctl init --source' names: a file, or a database of a server. Nothing but
// LookAtSourceServer() connects.

namespace mirror {

/// Beside the source's signing key, for its owner alone.
inline constexpr char kSourcePassfile[] = "source/pgpass";

/// Whether it is a database of a server: postgresql://…, mariadb://…, odbc:NAME.
bool NamesServer(const std::string& source);

/// The `dsn` of a [[source]], in the words of its kind, as of --source that NamesServer(). A role that is not
/// named is mirror_agent. Errors: kInvalidArgument, without its text: it holds a password, names no database,
/// or cannot be read.
absl::StatusOr<std::string> SourceDsn(const std::string& source);

/// Whether the agent can read what --source names, as far as can be said without looking at it. All is well
/// where it is empty or a file. Errors: those of SourceDsn(), and a kind that this build has no reader for.
absl::Status CheckSourceServer(const InitOptions& options);

/// What in the settings of the server keeps its log from being read, each for people with what to do. Empty:
/// nothing, or it cannot be asked as it is: it is not reached, the user is not there yet, has a password, or
/// it is of a kind whose install says so. Waits a few seconds at most.
std::vector<std::string> LookAtSourceServer(const InitOptions& options);

/// Whether 'mirror-agent install' has something to make for it: also for one that is added later.
bool IsInstalled(const InitOptions& options);

/// [[source]] of mirror-agent.toml. `path`: of a file, absolute.
std::string SourceConfiguration(const InitOptions& options, const std::string& path);

/// kSourcePassfile, made below `folder`, which has its own folder: comments alone, among them the line that a
/// password goes into. Nothing is made of sources that have none. Errors: writing.
absl::Status MakeSourcePassfile(const InitOptions& options, const std::string& folder);

/// What a DBA types once, and where a password goes: `passfile` is its path. Nothing of a file.
void PrintSourceServer(const InitOptions& options, const std::string& passfile, std::ostream& words);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_INIT_SOURCE_H_
