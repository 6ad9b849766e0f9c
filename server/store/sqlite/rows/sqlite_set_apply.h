#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_SET_APPLY_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_SET_APPLY_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/sqlite/rows/apply_method.h"
#include "server/store/sqlite/rows/sqlite_rows.h"

namespace mirror {

/// Whether one statement over the batch as a table does what the bind loop does: every value stands in the
/// message, and for a DELETE the key is one column (SQLite seeks a key of several by its first column only).
bool CanApplyAsSet(const TableSchema& schema, const ChangeBatch& batch);

/// Whether that is also the faster way, as measured.
bool IsFasterAsSet(const TableSchema& schema, const ChangeBatch& batch);

/// Writes a batch with one statement that reads BatchTable. Absent, and nothing was done, when SQLite's plan
/// for it would read the whole target, as a partner's ANALYZE from when the table was small brings about, or
/// would not read BatchTable, as with a table of the partner's under its name. As
/// WriteRows otherwise.
std::optional<absl::Status> WriteAsSet(SqliteConnection& connection, const std::string& target,
                                       const ApplyRows& apply, ApplyMethod method, std::int64_t now_ms,
                                       RowsWritten* written);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_SET_APPLY_H_
