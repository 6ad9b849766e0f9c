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
  kBest,      ///< As a set if that is faster, else by the bind loop.
  kBindLoop,  ///< Always by the bind loop: the reference for comparisons with kSet.
  kSet,       ///< As a set if possible.
};

/// Writes the rows of `apply.batch` into `target` (the visible table or a shadow), in key order, with texts
/// read straight from the message. Marks deleted rows with `now_ms`. Runs inside the caller's savepoint.
/// Errors: kFailedPrecondition when rows of an UPDATE are missing (named) or a partner's index refuses;
/// kInvalidArgument for a large value that is incomplete or not text.
absl::Status WriteRows(SqliteConnection& connection, const std::string& target, const ApplyRows& apply,
                       ApplyMethod method, std::int64_t now_ms, RowsWritten* written);

/// Stores a piece of a large value. A piece that is already stored is no error.
/// Errors: kFailedPrecondition when earlier pieces are missing; kResourceExhausted over the limit.
absl::Status WritePart(SqliteConnection& connection, const std::string& table, std::int64_t cycle,
                       const KeepPart& part, std::int64_t value_bytes_max);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_ROWS_H_
