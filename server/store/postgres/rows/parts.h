#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_PARTS_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_PARTS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/plan/plan.h"

// Pieces of large values that wait for their batch. They are in a tenant's table of receipts
// (OwnTables::receipts).

namespace mirror {

/// The kind of such a row among the receipts. `number` is the id of the value.
inline constexpr std::int64_t kPartKind = 3;

/// Names the large values of one table.
struct PostgresParts {
  std::string receipts;  ///< As written in SQL.
  std::string table;
  std::int64_t cycle = 0;
};

/// Stores a piece of a large value. If the piece is already stored, that is no error. Errors:
/// kFailedPrecondition: earlier pieces are missing; kResourceExhausted: the value exceeds the limit.
absl::Status WritePart(postgres::Connection& connection, const PostgresParts& of, const KeepPart& part,
                       std::int64_t value_bytes_max);
/// Returns the SHA-256 of the value.
absl::StatusOr<std::string> HashParts(postgres::Connection& connection, const PostgresParts& of,
                                      std::uint64_t value_id);
/// Returns how many bytes of the value are stored.
absl::StatusOr<std::int64_t> CountPartBytes(postgres::Connection& connection, const PostgresParts& of,
                                            std::uint64_t value_id);
/// Reads the pieces in order.
absl::Status ReadParts(postgres::Connection& connection, const PostgresParts& of, std::uint64_t value_id,
                       const std::function<void(std::string_view)>& take);
/// Returns the FROM item for a table's pieces: (number, "offset", data), where `number` is the id of the
/// value. `key` is the number of the parameter with the table's FoldName(), `cycle` that of the parameter
/// with the cycle.
std::string PartsSql(const PostgresParts& of, int key, int cycle);
absl::Status ForgetParts(postgres::Connection& connection, const PostgresParts& of,
                         const std::vector<std::uint64_t>& value_ids);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_PARTS_H_
