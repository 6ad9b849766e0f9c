#ifndef MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_TABLE_READER_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_TABLE_READER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "client/source/reader.h"
#include "client/source/sqlite/file/sqlite_cursor.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/log/change_log.h"
#include "client/source/sqlite/sqlite_looks.h"

namespace mirror {

/// See SourceReader::Read(). Rows as `cursor` gives them, which is over `columns`. `log`: null when the
/// source has none.
std::unique_ptr<TableReader> ReadRows(std::shared_ptr<const SqliteFile> file, const TableSchema& schema,
                                      const std::vector<std::uint32_t>& columns, SqliteCursor cursor,
                                      TableLooks looks, ChangeLog* log, std::function<void()> forget);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_TABLE_READER_H_
