#ifndef MIRROR_TOOLS_MIRRORCTL_INIT_INIT_POSTGRES_H_
#define MIRROR_TOOLS_MIRRORCTL_INIT_INIT_POSTGRES_H_

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/text/command_line.h"
#include "tools/mirrorctl/init/described_keys.h"
#include "tools/mirrorctl/init/init.h"

// What 'mirrorctl init --store postgres --postgres URL' has more. Nothing here connects to a database.

// Which PostgreSQL a conninfo or URL of libpq names, for configurations and people. Nothing here connects.

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

struct NamedPostgres {
  std::string role, database;             ///< Empty: not named.
  std::vector<std::string> hosts, ports;  ///< None: a socket of this machine.
  /// Over a network, without a word of how: libpq then takes a connection in the clear.
  bool may_be_in_the_clear = false;
};

/// Of one that WrongPostgres() takes; of another what can be read.
NamedPostgres PostgresNamedBy(const std::string& conninfo);

/// What is wrong with it, for people, without its text and without a stop; empty: nothing. `who`: who
/// connects there, "the server"; empty: the role need not be named.
std::string WrongPostgres(const std::string& conninfo, const std::string& who);

/// A line of a passfile for each host, as a comment into which the password goes.
std::string PassfileLines(const NamedPostgres& place);

/// A name that was checked, as it stands in SQL.
std::string QuotedForSql(const std::string& name);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_INIT_POSTGRES_H_
