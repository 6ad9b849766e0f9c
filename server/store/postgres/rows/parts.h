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

// Pieces of large values that wait for their batch, in a tenant's table of receipts (OwnTables::receipts).

namespace mirror {

/// Kind of a row among the receipts; `number` is the value's id.
inline constexpr std::int64_t kPartKind = 3;

/// The values of one table.
struct PostgresParts {
  std::string receipts;  ///< As it stands in SQL.
  std::string table;
  std::int64_t cycle = 0;
};

/// Stores a piece of a large value. A piece that is already there is no error. Errors: kFailedPrecondition:
/// pieces before it are missing; kResourceExhausted: over the limit.
absl::Status WritePart(postgres::Connection& connection, const PostgresParts& of, const KeepPart& part,
                       std::int64_t value_bytes_max);
/// Returns the SHA-256 of the value.
absl::StatusOr<std::string> HashParts(postgres::Connection& connection, const PostgresParts& of,
                                      std::uint64_t value_id);
/// Returns how many of its bytes are stored.
absl::StatusOr<std::int64_t> CountPartBytes(postgres::Connection& connection, const PostgresParts& of,
                                            std::uint64_t value_id);
/// Reads the pieces in order.
absl::Status ReadParts(postgres::Connection& connection, const PostgresParts& of, std::uint64_t value_id,
                       const std::function<void(std::string_view)>& take);
/// Returns the FROM item of a table's parts: (number, "offset", data), where `number` is the value's id.
/// $`key` is the table's FoldName(), $`cycle` the cycle.
std::string PartsSql(const PostgresParts& of, int key, int cycle);
absl::Status ForgetParts(postgres::Connection& connection, const PostgresParts& of,
                         const std::vector<std::uint64_t>& value_ids);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_PARTS_H_
