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

/// Inserts a batch for which RowImage::CanHold() is true into `target`; SQLite copies whole records if it
/// can. `order`: see PlainOrder(). Every key in `target` is less than the batch's first. False:
/// nothing was written; the batch table may write it, or name the bad row. Errors: as SqliteConnection; the
/// transaction is over.
absl::StatusOr<bool> InsertAsImages(SqliteConnection& connection, const std::string& target,
                                    const TableSchema& schema, const ChangeBatch& batch,
                                    const std::vector<std::uint32_t>& order);

/// Frees the connection's memory for images. Not within a transaction.
void ForgetImages(SqliteConnection& connection);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_IMAGE_INSERT_H_
