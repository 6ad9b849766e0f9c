#ifndef MIRROR_CLIENT_EXCHANGE_REACHED_ROWS_H_
#define MIRROR_CLIENT_EXCHANGE_REACHED_ROWS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "client/exchange/delivery_database.h"

namespace mirror {

/// The rows of the database that change, or may, when this row is deleted, or else updated; not the row
/// itself. Those of tables without a key, and what only they lead to, are not among them. In the transaction.
/// Errors: those of `database`; kOutOfRange: more than kReachedRowsMax.
absl::StatusOr<std::vector<ReachedRow>> ReachRows(DeliveryDatabase& database, const ServerMember& member,
                                                  const RowOf& key, bool deletes);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_REACHED_ROWS_H_
