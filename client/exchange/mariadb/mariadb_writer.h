#ifndef MIRROR_CLIENT_EXCHANGE_MARIADB_MARIADB_WRITER_H_
#define MIRROR_CLIENT_EXCHANGE_MARIADB_MARIADB_WRITER_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/mariadb/connection.h"
#include "client/exchange/delivery_database.h"
#include "client/exchange/delivery_task.h"
#include "client/exchange/mariadb/mariadb_members.h"

// What is done in the transaction of a delivery: see DeliveryDatabase.

namespace mirror {

/// Why the database did not do what it was told, without values; empty: it is the source that fails, the
/// connection, or another transaction that was in the way.
std::string MariadbRefusal(const absl::Status& status);

/// See DeliveryDatabase::Write().
absl::Status WriteMariadbRow(mariadb::Connection& connection, MariadbMembers& members,
                             const DeliveryTask& task, const MariadbMember& member, RowOf* key);

/// See DeliveryDatabase::ReadReferring().
absl::Status ReadReferringInMariadb(mariadb::Connection& connection, MariadbMembers& members,
                                    const MariadbMember& member, const RowOf& key, bool deletes,
                                    const std::function<absl::Status(ReachedRow row, bool deletes)>& take);

/// See DeliveryDatabase::FindMatch(). Values are read as the reader reads them and normalised here, so that
/// they are what the hub makes of them. All rows are read, or where a text is not normalised those that its
/// collation takes for the same, by an index if there is one: what was read is locked, and what was not there
/// does not come before the transaction ends.
absl::StatusOr<std::optional<RowOf>> FindMariadbMatch(mariadb::Connection& connection,
                                                      MariadbMembers& members, const MariadbMember& member,
                                                      const MatchRule& rule,
                                                      const std::vector<std::string>& values);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_MARIADB_MARIADB_WRITER_H_
