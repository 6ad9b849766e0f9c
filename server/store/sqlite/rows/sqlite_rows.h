#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_ROWS_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_ROWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/store_transaction.h"

namespace mirror {

/// The way to write a batch.
enum class ApplyMethod : std::uint8_t {
  kBest,      ///< As a set if that is faster, else by a loop that binds each row.
  kBindLoop,  ///< Always by the bind loop. Comparisons of kSet use it as reference.
  kSet,       ///< As a set if possible.
};

/// Writes the rows of `apply.batch` into `target` (the visible table or a shadow), in key order. Reads texts
/// directly from the message. Marks deleted rows with `now_ms`. Runs inside the caller's savepoint. Errors:
/// kFailedPrecondition: rows of an UPDATE are missing (the message names them), or an index of the partner
/// refuses the rows; kInvalidArgument: a large value is incomplete or not text.
absl::Status WriteRows(SqliteConnection& connection, const std::string& target, const ApplyRows& apply,
                       ApplyMethod method, std::int64_t now_ms, RowsWritten* written);

/// Stores a part of a large value. If the part is already stored, that is no error. Errors:
/// kFailedPrecondition: earlier parts are missing; kResourceExhausted: the value exceeds the limit.
absl::Status WritePart(SqliteConnection& connection, const std::string& table, std::int64_t cycle,
                       const KeepPart& part, std::int64_t value_bytes_max);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_ROWS_H_
