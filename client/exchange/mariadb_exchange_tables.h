#ifndef MIRROR_CLIENT_EXCHANGE_MARIADB_EXCHANGE_TABLES_H_
#define MIRROR_CLIENT_EXCHANGE_MARIADB_EXCHANGE_TABLES_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/mariadb/connection.h"
#include "client/exchange/exchange_rules.h"
#include "client/source/mariadb/mariadb_catalog.h"

// The counterpart of exchange_tables.h for a MariaDB database, with one more table:
//
//   _mirror_conflicts  rows that conflicted with a delivery, which the next push sends

namespace mirror {

/// Returns a script for a DBA: makes missing tables, and gives the user its rights on them and
/// on those of `tables` that are accepted. Errors: those of the session; kFailedPrecondition:
/// an accepted table is not writable, or a view has the name of a table of the exchange.
absl::StatusOr<std::string> MariadbExchangeScript(mariadb::Connection& connection,
                                                  const ExchangeRules& accepted,
                                                  const std::vector<MariadbTable>& tables);

/// Names of the tables, each with one of its columns.
std::vector<std::pair<std::string, std::string>> MariadbExchangeNames();

/// Makes missing tables, in a session that may write. False: all existed. Errors:
/// kPermissionDenied: the user may not; kFailedPrecondition: an accepted one of `tables`
/// has an engine that cannot roll back, or a view has the name of a table of the exchange.
absl::StatusOr<bool> MakeMariadbExchange(mariadb::Connection& connection, const ExchangeRules& accepted,
                                         const std::vector<MariadbTable>& tables);
/// kFailedPrecondition: a table is missing, or is a view. Only reads.
absl::Status CheckMariadbExchange(mariadb::Connection& connection);
/// Returns the statement that drops them; empty: none exists. Only reads.
absl::StatusOr<std::string> MariadbExchangeDrop(mariadb::Connection& connection);
/// Drops the tables. False: none existed.
absl::StatusOr<bool> DropMariadbExchange(mariadb::Connection& connection);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_MARIADB_EXCHANGE_TABLES_H_
