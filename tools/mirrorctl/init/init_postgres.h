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

// Additions of 'mirrorctl init --store postgres --postgres URL'. Nothing here connects to a database.

// Reads from a conninfo or URL of libpq which PostgreSQL it names, for configurations and people.

namespace mirror {

/// File name; the file is in the folder of mirror-server.toml.
inline constexpr char kPassfile[] = "pgpass";

/// Adds both options. Returns a function to call after parsing: it returns an error text; empty: no error.
std::function<std::string()> AddStoreOptions(const cli::Command& init,
                                             const std::shared_ptr<InitOptions>& options);

/// Checks that `options.postgres` can hold mirrors: a conninfo or URL of libpq with a role and a database,
/// and without a password, which other users of this machine would see. OK if it is empty. Errors:
/// kInvalidArgument; they do not quote the URL.
absl::Status CheckPostgres(const InitOptions& options);

/// Returns [postgres] and [[postgres.place]], as comments if `options.postgres` is empty.
std::string PostgresConfiguration(const DescribedKeys& keys, const InitOptions& options);
/// Returns the content of kPassfile: only comments, among them the line for the password.
std::string PassfileText(const InitOptions& options);

/// Prints what a DBA types once and the file for the password. `passfile`: its path. A TextStream wraps the
/// sentences and not the statements.
void PrintDatabase(const InitOptions& options, const std::string& passfile, std::ostream& out);

struct NamedPostgres {
  std::string role, database;             ///< Empty: not named.
  std::vector<std::string> hosts, ports;  ///< None: a socket of this machine.
  /// It is on a network and sets no sslmode: libpq may then connect without encryption.
  bool may_be_in_the_clear = false;
};

/// Returns the parts of a conninfo. If WrongPostgres() rejects it, returns the parts that can be read.
NamedPostgres PostgresNamedBy(const std::string& conninfo);

/// Returns what is wrong with the conninfo, for people, without quoting it and without a final full stop;
/// empty: nothing. `who`: the program that connects, "the server"; empty: the role may be missing.
std::string WrongPostgres(const std::string& conninfo, const std::string& who);

/// Returns a comment line of a passfile for each host; the password is to be filled in there.
std::string PassfileLines(const NamedPostgres& place);

/// Returns a checked name in its SQL form.
std::string QuotedForSql(const std::string& name);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_INIT_POSTGRES_H_
