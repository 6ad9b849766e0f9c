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

// Functions for 'mirrorctl init --store postgres --postgres URL'. None of them connects to a database.

// The second part finds out which PostgreSQL a conninfo or URL of libpq names, for configurations and people.

namespace mirror {

/// Name of the passfile, which is in the folder of mirror-server.toml.
inline constexpr char kPassfile[] = "pgpass";

/// Adds both options. Returns a function to call after the command line is parsed. It returns the text of an
/// error; empty: there is none.
std::function<std::string()> AddStoreOptions(const cli::Command& init,
                                             const std::shared_ptr<InitOptions>& options);

/// Checks that `options.postgres` can hold mirrors: a conninfo or URL of libpq with a role and a database,
/// and without a password, which other users of this machine would see. OK if it is empty. Errors:
/// kInvalidArgument; they do not quote the URL.
absl::Status CheckPostgres(const InitOptions& options);

/// Returns the text of [postgres] and [[postgres.place]]. If `options.postgres` is empty, all lines are
/// comments.
std::string PostgresConfiguration(const DescribedKeys& keys, const InitOptions& options);
/// Returns the content of kPassfile: only comments, among them the line for the password.
std::string PassfileText(const InitOptions& options);

/// Prints the statements that a DBA runs once, and which file gets the password. `passfile`: path of this
/// file. A TextStream wraps the sentences, but not the statements.
void PrintDatabase(const InitOptions& options, const std::string& passfile, std::ostream& out);

struct NamedPostgres {
  std::string role, database;             ///< Empty: the conninfo does not name it.
  std::vector<std::string> hosts, ports;  ///< Empty: a socket of this machine.
  /// The database is reached over a network, and the conninfo has no sslmode: libpq may then connect without
  /// encryption.
  bool may_be_in_the_clear = false;
};

/// Returns the parts of a conninfo. If WrongPostgres() rejects it, only the parts that can be read are set.
NamedPostgres PostgresNamedBy(const std::string& conninfo);

/// Returns a text for people that says what is wrong with a conninfo; empty: nothing. The text does not
/// contain the conninfo, and has no full stop at the end. `who`: the program that connects, such as "the
/// server"; empty: the role may be missing.
std::string WrongPostgres(const std::string& conninfo, const std::string& who);

/// Returns a comment line of a passfile for each host, in which an operator fills in the password.
std::string PassfileLines(const NamedPostgres& place);

/// Returns a checked name in its SQL form.
std::string QuotedForSql(const std::string& name);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_INIT_POSTGRES_H_
