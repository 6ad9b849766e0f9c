#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_IMAGE_INSERT_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_IMAGE_INSERT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"
#include "server/store/sqlite/file/sqlite_connection.h"

namespace mirror {

/// Inserts a batch that RowImage::CanHold() into `target`, by whole records where SQLite sees that it can.
/// `order`: see PlainOrder(). Every key in `target` is smaller than the batch's first. False: nothing is
/// written; the batch table may do it, or says which row is at fault. Errors: as SqliteConnection; the
/// transaction is over.
absl::StatusOr<bool> InsertAsImages(SqliteConnection& connection, const std::string& target,
                                    const TableSchema& schema, const ChangeBatch& batch,
                                    const std::vector<std::uint32_t>& order);

/// Gives up what it needs of the connection's memory. Not within a transaction.
void ForgetImages(SqliteConnection& connection);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_IMAGE_INSERT_H_
