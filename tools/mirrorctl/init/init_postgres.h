#ifndef MIRROR_TOOLS_MIRRORCTL_INIT_INIT_POSTGRES_H_
#define MIRROR_TOOLS_MIRRORCTL_INIT_INIT_POSTGRES_H_

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "base/text/command_line.h"
#include "tools/mirrorctl/init/described_keys.h"
#include "tools/mirrorctl/init/init.h"

// What 'mirrorctl init --store postgres --postgres URL' has more. Nothing here connects to a database.

namespace mirror {

/// Beside mirror-server.toml.
inline constexpr char kPassfile[] = "pgpass";

/// --store and --postgres. Gives what tells, once they are read, what is wrong with them; empty: nothing.
std::function<std::string()> AddStoreOptions(const cli::Command& init,
                                             const std::shared_ptr<InitOptions>& options);

/// Whether mirrors can be kept at `options.postgres`: a conninfo or URL of libpq with a role and a database,
/// and without a password, which others on this machine would see. All is well where it is empty. Errors:
/// kInvalidArgument, without its text.
absl::Status CheckPostgres(const InitOptions& options);

/// [postgres] and [[postgres.place]]; without `options.postgres` as a comment.
std::string PostgresConfiguration(const DescribedKeys& keys, const InitOptions& options);
/// kPassfile: comments alone, among them the line that a password goes into.
std::string PassfileText(const InitOptions& options);

/// What a DBA types once, and where a password goes: `passfile` is its path. On a
/// TextStream words are wrapped and statements are not.
void PrintDatabase(const InitOptions& options, const std::string& passfile, std::ostream& out);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_INIT_POSTGRES_H_
