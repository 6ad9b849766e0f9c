#ifndef MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_CHECKS_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_CHECKS_H_

#include <chrono>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/db/mariadb/connection.h"
#include "client/source/mariadb/mariadb_catalog.h"
#include "client/source/mariadb/mariadb_sessions.h"
#include "client/source/source_finding.h"
#include "client/source/table_choice.h"

namespace mirror {

/// State of a check that reached its database.
struct MariadbCheckLook {
  mariadb::Connection& connection;
  std::string grantee;               ///< The user in the form of a GRANT.
  std::vector<MariadbTable> tables;  ///< The chosen tables.
  SourceFindings& findings;
};

struct MariadbCheckOptions {
  MariadbAccess access;
  TableChoice choice = {};
  /// Further checks if the tables could be read, such as CheckMariadbLog(); empty: none.
  std::function<void(const MariadbCheckLook&)> then = {};
};

inline constexpr std::chrono::seconds kMariadbCheckWithin{20};

/// Checks a database with the rights of the agent's user, as CheckPostgresSource() does. Waits at most
/// ConnectAs::connect_within to connect, and then kMariadbCheckWithin for each answer.
SourceFindings CheckMariadbSource(const MariadbCheckOptions& options);

/// Returns the global rights of the session's user, with those of its roles, as SHOW GRANTS names them:
/// "SUPER", "ALL PRIVILEGES".
absl::StatusOr<std::set<std::string>> ReadMariadbGlobalRights(mariadb::Connection& connection);

/// Returns why `seen` may lack tables of the database: the user has SELECT on single tables only, and MariaDB
/// hides the others. Names the tables to which foreign keys of `seen` refer, if the user can see these names.
/// Empty: the user may read every table of the database.
absl::StatusOr<std::string> UnseenMariadbTables(mariadb::Connection& connection,
                                                const std::vector<MariadbTable>& seen);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_CHECKS_H_
