#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_JOURNAL_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_JOURNAL_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/store/journal_reader.h"
#include "server/store/journal_verbs.h"
#include "server/store/sqlite/file/sqlite_connection.h"

namespace mirror {

/// Makes the verbs on `_mirror_journal`, `_mirror_floor` and the view `_mirror_commits`. `connection` must
/// outlive them.
std::unique_ptr<JournalVerbs> MakeSqliteJournal(SqliteConnection& connection);

/// Returns whether the mirror has a table of its own with this name. Uses the definitions that the connection
/// has in memory, and does not read the file.
bool HasOwnTable(SqliteConnection& connection, const std::string& name);

/// Returns the number of the table's last commit; 0: there is none. The journal must exist.
absl::StatusOr<std::int64_t> LastCommitOf(SqliteConnection& connection, const std::string& table);
/// Returns the number of the last old commit, or 0. `table` empty: looks at the commits of all tables.
absl::StatusOr<std::int64_t> FindLastOld(SqliteConnection& connection, const std::string& table,
                                         const OldCommits& old);

/// Makes a reader in the transaction of `connection`. `connection` must outlive the reader.
std::unique_ptr<JournalReader> MakeSqliteJournalReader(SqliteConnection& connection);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_JOURNAL_H_
