#ifndef MIRROR_SERVER_STORE_SQLITE_HISTORY_SQLITE_JOURNAL_READER_H_
#define MIRROR_SERVER_STORE_SQLITE_HISTORY_SQLITE_JOURNAL_READER_H_

#include <memory>

#include "server/store/journal_reader.h"
#include "server/store/sqlite/file/sqlite_connection.h"

namespace mirror {

/// In the transaction of `connection`, which outlives it.
/// Number of the table's last commit; 0: there is none. There is a journal.
absl::StatusOr<std::int64_t> LastCommitOf(SqliteConnection& connection, const std::string& table);
/// The last commit that is old, or 0. `table`: empty for those of all tables.
absl::StatusOr<std::int64_t> FindLastOld(SqliteConnection& connection, const std::string& table,
                                         const OldCommits& old);

std::unique_ptr<JournalReader> MakeSqliteJournalReader(SqliteConnection& connection);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_HISTORY_SQLITE_JOURNAL_READER_H_
