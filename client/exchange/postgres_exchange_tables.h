#ifndef MIRROR_CLIENT_EXCHANGE_POSTGRES_EXCHANGE_TABLES_H_
#define MIRROR_CLIENT_EXCHANGE_POSTGRES_EXCHANGE_TABLES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "client/source/postgres/postgres_catalog.h"

// The counterpart of exchange_tables.h for a PostgreSQL database. The tables are in the mirrored schema.

namespace mirror {

/// The place and the role that the script is for.
struct PostgresExchangePlace {
  std::string schema, role, publication;
  bool inserts = false, deletes = false;  ///< Operations that are accepted.
};
/// Returns a script that a DBA runs after that of the publication. It makes the missing tables, adds the
/// ledger to the publication, and gives the role its rights on them and on those of `tables` whose names
/// match one of `accepted`. First it checks the owners of existing objects, see OwnCheckSql(). Only reads.
absl::StatusOr<std::string> PostgresExchangeScript(postgres::Connection& connection,
                                                   const PostgresExchangePlace& place,
                                                   const std::vector<std::string>& accepted,
                                                   const std::vector<PostgresTable>& tables);

/// Returns the names of the exchange's tables.
std::vector<std::string> PostgresExchangeNames();

/// Makes the missing tables in one transaction, in a session that may
/// write. False: all existed. Errors: kPermissionDenied: the role may not;
/// kFailedPrecondition: the database has no encoding; those of CheckOwnNames().
absl::StatusOr<bool> MakePostgresExchange(postgres::Connection& connection, const std::string& schema);
/// kFailedPrecondition: the tables do not exist. Only reads.
absl::Status CheckPostgresExchange(postgres::Connection& connection, const std::string& schema);
/// Returns SQL that drops them, and DataJoin's tables if they exist; empty: none exists. Only reads.
absl::StatusOr<std::string> PostgresExchangeDrop(postgres::Connection& connection, const std::string& schema);
/// Drops the tables. False: none existed.
absl::StatusOr<bool> DropPostgresExchange(postgres::Connection& connection, const std::string& schema);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_POSTGRES_EXCHANGE_TABLES_H_
