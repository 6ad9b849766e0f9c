#ifndef MIRROR_CLIENT_EXCHANGE_POSTGRES_EXCHANGE_TABLES_H_
#define MIRROR_CLIENT_EXCHANGE_POSTGRES_EXCHANGE_TABLES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "client/source/postgres/postgres_catalog.h"

// What exchange_tables.h says, of a PostgreSQL database: the tables stand in the schema that is mirrored.

namespace mirror {

/// For whom the script is.
struct PostgresExchangePlace {
  std::string schema, role, publication;
  bool inserts = false, deletes = false;  ///< What is accepted.
};
/// For a DBA, behind that of the publication: makes those that are missing, has the ledger's changes in the
/// publication, and gives the role its rights on them and on those of `tables` whose names match one of
/// `accepted`. First it checks whose those are that are there, see OwnCheckSql(). Only reads.
absl::StatusOr<std::string> PostgresExchangeScript(postgres::Connection& connection,
                                                   const PostgresExchangePlace& place,
                                                   const std::vector<std::string>& accepted,
                                                   const std::vector<PostgresTable>& tables);

/// Their names.
std::vector<std::string> PostgresExchangeNames();

/// Makes those that are missing, in one transaction, by a session that may write. False: they were there.
/// Errors: kPermissionDenied: the role may not; kFailedPrecondition: the database has no encoding; those of
/// CheckOwnNames().
absl::StatusOr<bool> MakePostgresExchange(postgres::Connection& connection, const std::string& schema);
/// kFailedPrecondition: they are not there. Only reads.
absl::Status CheckPostgresExchange(postgres::Connection& connection, const std::string& schema);
/// What drops them, and DataJoin's own where these are there; empty: none is there. Only reads.
absl::StatusOr<std::string> PostgresExchangeDrop(postgres::Connection& connection, const std::string& schema);
/// False: there were none.
absl::StatusOr<bool> DropPostgresExchange(postgres::Connection& connection, const std::string& schema);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_POSTGRES_EXCHANGE_TABLES_H_
