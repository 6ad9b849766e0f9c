#ifndef MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_REACHED_H_
#define MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_REACHED_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "client/exchange/postgres/postgres_members.h"

namespace mirror {

/// More of them than this are not changed by a delivery.
inline constexpr std::size_t kReachedRowsMax = 10'000;

/// A row that foreign keys with an action lead to from another.
struct ReachedRow {
  const PostgresMember* member = nullptr;
  RowOf key;
  RowOf values;  ///< Of PlainColumns().
};

/// The rows of the schema that change, or may, when this row is deleted, or else updated; not the row itself.
/// Those of tables without a key, and what only they lead to, are not among them. Errors: those of
/// ReadPostgresValues(); kOutOfRange: more than kReachedRowsMax.
absl::StatusOr<std::vector<ReachedRow>> ReachPostgresRows(postgres::Connection& connection,
                                                          PostgresMembers& members,
                                                          const PostgresMember& member, const RowOf& key,
                                                          bool deletes);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_REACHED_H_
