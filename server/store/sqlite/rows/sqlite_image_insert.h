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

/// Inserts a batch into `target`. RowImage::CanHold() must be true for the batch. If possible, SQLite copies
/// whole records. `order`: see PlainOrder(). Every key in `target` must be less than the first key of the
/// batch. False: nothing was written; the batch table can then write the batch, or report the bad row.
/// Errors: those of SqliteConnection, and then the transaction has ended.
absl::StatusOr<bool> InsertAsImages(SqliteConnection& connection, const std::string& target,
                                    const TableSchema& schema, const ChangeBatch& batch,
                                    const std::vector<std::uint32_t>& order);

/// Frees the connection's memory for images. Must not be called within a transaction.
void ForgetImages(SqliteConnection& connection);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_IMAGE_INSERT_H_
