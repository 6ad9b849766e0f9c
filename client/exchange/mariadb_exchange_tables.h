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

// What exchange_tables.h says, of a MariaDB database; and
//
//   _mirror_conflicts  rows that stood in a delivery's way, which the next push sends

namespace mirror {

/// For a DBA: makes those that are missing, and gives the user its rights on them and on those of `tables`
/// that are accepted. Errors: those of the session; kFailedPrecondition: a table that is accepted cannot be
/// written to, or a view has the name of one of the exchange's.
absl::StatusOr<std::string> MariadbExchangeScript(mariadb::Connection& connection,
                                                  const ExchangeRules& accepted,
                                                  const std::vector<MariadbTable>& tables);

/// Their names, each with one of its columns.
std::vector<std::pair<std::string, std::string>> MariadbExchangeNames();

/// Makes those that are missing, by a session that may write. False: they were there. Errors:
/// kPermissionDenied: the user may not; kFailedPrecondition: one of `tables` that is accepted is of an engine
/// that takes nothing back, or a view has the name of one of the exchange's.
absl::StatusOr<bool> MakeMariadbExchange(mariadb::Connection& connection, const ExchangeRules& accepted,
                                         const std::vector<MariadbTable>& tables);
/// kFailedPrecondition: one is missing, or a view. Only reads.
absl::Status CheckMariadbExchange(mariadb::Connection& connection);
/// The statement that drops them; empty: none is there. Only reads.
absl::StatusOr<std::string> MariadbExchangeDrop(mariadb::Connection& connection);
/// False: there were none.
absl::StatusOr<bool> DropMariadbExchange(mariadb::Connection& connection);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_MARIADB_EXCHANGE_TABLES_H_
