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

/// A look whose database was reached.
struct MariadbCheckLook {
  mariadb::Connection& connection;
  std::string grantee;               ///< The user as it stands in a GRANT.
  std::vector<MariadbTable> tables;  ///< Those that are chosen.
  SourceFindings& findings;
};

struct MariadbCheckOptions {
  MariadbAccess access;
  TableChoice choice = {};
  /// What more is looked at where the tables could be read, as CheckMariadbLog(); empty: nothing.
  std::function<void(const MariadbCheckLook&)> then = {};
};

inline constexpr std::chrono::seconds kMariadbCheckWithin{20};

/// Looks at a database as the agent's user sees it: see CheckPostgresSource(). Waits no longer than
/// ConnectAs::connect_within to connect, and then kMariadbCheckWithin for each answer.
SourceFindings CheckMariadbSource(const MariadbCheckOptions& options);

/// What the session's user may do in the whole server, by itself or as its roles, as SHOW GRANTS calls it:
/// "SUPER", "ALL PRIVILEGES".
absl::StatusOr<std::set<std::string>> ReadMariadbGlobalRights(mariadb::Connection& connection);

/// Why tables of the database may be missing among `seen`: the user has SELECT on single tables, and MariaDB
/// shows it no others. Names those to which foreign keys of `seen` lead, as far as the user is shown these.
/// Empty: the user may read every table of the database.
absl::StatusOr<std::string> UnseenMariadbTables(mariadb::Connection& connection,
                                                const std::vector<MariadbTable>& seen);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_CHECKS_H_
