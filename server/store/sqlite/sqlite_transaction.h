#ifndef MIRROR_SERVER_STORE_SQLITE_SQLITE_TRANSACTION_H_
#define MIRROR_SERVER_STORE_SQLITE_SQLITE_TRANSACTION_H_

#include <memory>
#include <string>

#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/sqlite/file/sqlite_waiting.h"
#include "server/store/sqlite/sqlite_store.h"
#include "server/store/store_transaction.h"

namespace mirror {

/// Makes the verbs on one mirror file. `connection` and `waiting` must outlive the returned object.
std::unique_ptr<StoreTransaction> MakeSqliteTransaction(SqliteConnection& connection,
                                                        const std::string& context_id,
                                                        const SqliteOptions& options, SqliteWaiting& waiting);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_SQLITE_TRANSACTION_H_
