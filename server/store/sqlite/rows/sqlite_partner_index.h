#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_PARTNER_INDEX_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_PARTNER_INDEX_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/sqlite/file/sqlite_connection.h"

// Indexes of the partner on a mirrored table, which are made again when its rows were exchanged. Inside the
// caller's transaction.

namespace mirror {

struct PartnerIndex {
  std::string name, sql;
  bool has_expression = false;
};

enum class IndexKind : std::uint8_t { kAny, kUnique };

/// What makes the table's indexes of this kind again: their own text, which may speak of columns that the new
/// rows do not have. In the order in which they were made.
absl::StatusOr<std::vector<PartnerIndex>> FindIndexes(SqliteConnection& connection, const std::string& table,
                                                      IndexKind kind);
/// The same, and drops them.
absl::StatusOr<std::vector<PartnerIndex>> TakeOffIndexes(SqliteConnection& connection,
                                                         const std::string& table, IndexKind kind);

/// Makes it again. Errors: kFailedPrecondition when the rows, or a column that is gone, do not let it be.
absl::Status MakeIndex(SqliteConnection& connection, const PartnerIndex& index);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_PARTNER_INDEX_H_
