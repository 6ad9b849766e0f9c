#ifndef MIRROR_CLIENT_EXCHANGE_POSTGRES_OWN_CHECK_H_
#define MIRROR_CLIENT_EXCHANGE_POSTGRES_OWN_CHECK_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"

// Any role that may create in a source's schema can make a table, a view or a function under a name of the
// exchange before the exchange does. A DBA, often a superuser, installs: what such a relation does when it is
// used would run with the DBA's rights. So these checks come before anything is made.

namespace mirror {

/// The role to which functions belong that a superuser installs.
inline constexpr char kNotesRole[] = "mirror_notes";

/// The names that an installation uses in a schema.
struct PostgresOwnNames {
  std::string schema;
  /// Tables of the exchange. Each that is there has to be an ordinary table without triggers and rules, whose
  /// owner is a superuser, the role that installs, or the agent's role.
  std::vector<std::string> own;
  /// Tables that may be the application's. Each that is there has to be a table.
  std::vector<std::string> shared = {};
  /// Functions without arguments, of such an owner or of kNotesRole.
  std::vector<std::string> functions = {};
};

/// The check as a statement for a script that a DBA runs with a `search_path` of PostgreSQL's own schema: it
/// fails, and names the relation. `role`: the agent's. Errors: those of postgres::QuotedText().
absl::StatusOr<std::string> OwnCheckSql(const PostgresOwnNames& names, const std::string& role);

/// The same check for a session that installs. It also refuses a session of a superuser where a shared table
/// belongs to a role that is none: the session writes rows into it. Only reads. Errors: those of Connection;
/// kFailedPrecondition, naming the relation.
absl::Status CheckOwnNames(postgres::Connection& connection, const PostgresOwnNames& names);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_POSTGRES_OWN_CHECK_H_
