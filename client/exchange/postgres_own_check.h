#ifndef MIRROR_CLIENT_EXCHANGE_POSTGRES_OWN_CHECK_H_
#define MIRROR_CLIENT_EXCHANGE_POSTGRES_OWN_CHECK_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"

// Any role that may create objects in a source's schema can make a table, a view or a function under a
// name of the exchange before the exchange does. A DBA, often a superuser, installs the exchange: using
// such an object would run its code with the DBA's rights. So these checks run before anything is made.

namespace mirror {

/// The role that owns the functions that a superuser installs.
inline constexpr char kNotesRole[] = "mirror_notes";

/// The names that an installation uses in a schema.
struct PostgresOwnNames {
  std::string schema;
  /// Tables of the exchange. Each that exists must be an ordinary table without triggers
  /// and rules. Its owner must be a superuser, the role that installs, or the agent's role.
  std::vector<std::string> own;
  /// Tables that may be the application's. Each that exists must be a table.
  std::vector<std::string> shared = {};
  /// Functions without arguments. Their owner must be one of the above, or kNotesRole.
  std::vector<std::string> functions = {};
};

/// Returns the check as a statement for a script that a DBA runs with a `search_path` of PostgreSQL's own
/// schema. It fails, and names the relation. `role`: the agent's. Errors: those of postgres::QuotedText().
absl::StatusOr<std::string> OwnCheckSql(const PostgresOwnNames& names, const std::string& role);

/// Runs the same check in a session that installs. It also refuses the session of a superuser
/// if a shared table belongs to a role that is not a superuser, because the session writes rows
/// into it. Only reads. Errors: those of Connection; kFailedPrecondition, naming the relation.
absl::Status CheckOwnNames(postgres::Connection& connection, const PostgresOwnNames& names);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_POSTGRES_OWN_CHECK_H_
