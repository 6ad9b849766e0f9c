#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_MERGE_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_MERGE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "proto/wire/table.h"
#include "server/store/sqlite/file/sqlite_connection.h"

namespace mirror {

/// Ends a population of a table that keeps what is the partner's (KeepsPartner): its live rows that the
/// shadow lacks go as `deletes` says, the shadow's rows are written over what is there, and the shadow is
/// dropped. Inside the caller's transaction and savepoint. Errors: kFailedPrecondition naming the partner's
/// index that the new rows break; the caller takes all of it back.
absl::Status RunMerge(SqliteConnection& connection, const TableSchema& schema, const std::string& shadow,
                      std::int64_t now_ms);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_MERGE_H_
