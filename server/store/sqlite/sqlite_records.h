#ifndef MIRROR_SERVER_STORE_SQLITE_SQLITE_RECORDS_H_
#define MIRROR_SERVER_STORE_SQLITE_SQLITE_RECORDS_H_

#include <memory>
#include <string>

#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/sqlite/records/sqlite_waiting.h"
#include "server/store/store_records.h"

namespace mirror {

/// What is known of one mirror file, and of what waits to be written to it. `connection` and `waiting`
/// outlive it.
std::unique_ptr<StoreRecords> MakeSqliteRecords(SqliteConnection& connection, const std::string& context_id,
                                                SqliteWaiting& waiting);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_SQLITE_RECORDS_H_
