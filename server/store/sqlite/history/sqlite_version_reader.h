#ifndef MIRROR_SERVER_STORE_SQLITE_HISTORY_SQLITE_VERSION_READER_H_
#define MIRROR_SERVER_STORE_SQLITE_HISTORY_SQLITE_VERSION_READER_H_

#include <memory>

#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/version_reader.h"

namespace mirror {

/// In the transaction of `connection`, which outlives it.
std::unique_ptr<VersionReader> MakeSqliteVersionReader(SqliteConnection& connection);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_HISTORY_SQLITE_VERSION_READER_H_
