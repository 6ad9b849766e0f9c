#ifndef MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_KEY_ROWS_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_KEY_ROWS_H_

#include <functional>
#include <memory>
#include <vector>

#include "client/source/reader.h"
#include "client/source/sqlite/file/sqlite_cursor.h"
#include "client/source/sqlite/file/sqlite_file.h"

namespace mirror {

/// See SourceReader::RowsOf. `begin` begins a look; `cursor` has the key's columns as its order, and
/// `columns`.
std::unique_ptr<ChangeReader> ReadKeyRows(std::shared_ptr<const SqliteFile> file, const TableSchema& schema,
                                          const std::vector<std::uint32_t>& columns, SqliteCursor cursor,
                                          std::function<absl::Status()> begin, std::vector<Key> keys,
                                          std::function<void()> forget);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_KEY_ROWS_H_
