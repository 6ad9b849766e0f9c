#ifndef MIRROR_SERVER_STORE_SQLITE_HISTORY_SQLITE_JOURNAL_READER_H_
#define MIRROR_SERVER_STORE_SQLITE_HISTORY_SQLITE_JOURNAL_READER_H_

#include <memory>

#include "server/store/journal_reader.h"
#include "server/store/sqlite/file/sqlite_connection.h"

namespace mirror {

/// In the transaction of `connection`, which outlives it.
std::unique_ptr<JournalReader> MakeSqliteJournalReader(SqliteConnection& connection);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_HISTORY_SQLITE_JOURNAL_READER_H_
