#ifndef MIRROR_CLIENT_EXCHANGE_POSTGRES_WRITER_H_
#define MIRROR_CLIENT_EXCHANGE_POSTGRES_WRITER_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "client/exchange/delivery_database.h"
#include "client/exchange/delivery_task.h"
#include "client/exchange/postgres_members.h"

// Steps in the transaction of a delivery: see DeliveryDatabase.

namespace mirror {

/// Reason why the database rejected a statement, without values. Empty: it did
/// not; the source or the connection failed, or another transaction blocked it.
std::string PostgresRefusal(const absl::Status& status);

/// See DeliveryDatabase::Write(). `checks`: also checks DEFERRABLE constraints.
absl::StatusOr<bool> WritePostgresRow(postgres::Connection& connection, PostgresMembers& members,
                                      const DeliveryTask& task, const PostgresMember& member, bool checks,
                                      RowOf* key);

/// See DeliveryDatabase::ReadReferring().
absl::Status ReadReferringInPostgres(postgres::Connection& connection, PostgresMembers& members,
                                     const PostgresMember& member, const RowOf& key, bool deletes,
                                     const std::function<absl::Status(ReachedRow row, bool deletes)>& take);

/// Updates the row to its present values, so that the log has it and the next push sends it. A
/// trigger may suppress this update: then the next comparison with the mirror finds the row.
absl::Status NotePostgresConflict(postgres::Connection& connection, const PostgresMember& member,
                                  const RowOf& key);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_POSTGRES_WRITER_H_
