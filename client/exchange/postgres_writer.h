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

// What is done in the transaction of a delivery: see DeliveryDatabase.

namespace mirror {

/// Why the database did not do what it was told, without values; empty: it is the source that fails, the
/// connection, or another transaction that was in the way.
std::string PostgresRefusal(const absl::Status& status);

/// See DeliveryDatabase::Write(). `checks`: also what is DEFERRABLE.
absl::StatusOr<bool> WritePostgresRow(postgres::Connection& connection, PostgresMembers& members,
                                      const DeliveryTask& task, const PostgresMember& member, bool checks,
                                      RowOf* key);

/// See DeliveryDatabase::ReadReferring().
absl::Status ReadReferringInPostgres(postgres::Connection& connection, PostgresMembers& members,
                                     const PostgresMember& member, const RowOf& key, bool deletes,
                                     const std::function<absl::Status(ReachedRow row, bool deletes)>& take);

/// The row is written as it is, so that the log has it and the next push sends it. A trigger may keep it from
/// being noted: then the next comparison with the mirror finds it.
absl::Status NotePostgresConflict(postgres::Connection& connection, const PostgresMember& member,
                                  const RowOf& key);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_POSTGRES_WRITER_H_
