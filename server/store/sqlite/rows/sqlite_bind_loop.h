#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_BIND_LOOP_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_BIND_LOOP_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/sqlite/rows/sqlite_rows.h"

namespace mirror {

/// Writes a batch with one bound statement a row, the texts straight from the message: any batch, values in
/// parts too. The plain way, which the other is compared with. As WriteRows.
absl::Status WriteByBindLoop(SqliteConnection& connection, const std::string& target, const ApplyRows& apply,
                             std::int64_t now_ms, RowsWritten* written);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_BIND_LOOP_H_
