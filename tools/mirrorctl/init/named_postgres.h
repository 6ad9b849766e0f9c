#ifndef MIRROR_TOOLS_MIRRORCTL_INIT_NAMED_POSTGRES_H_
#define MIRROR_TOOLS_MIRRORCTL_INIT_NAMED_POSTGRES_H_

#include <string>
#include <vector>

// Which PostgreSQL a conninfo or URL of libpq names, for configurations and people. Nothing here connects.

namespace mirror {

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

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_NAMED_POSTGRES_H_
