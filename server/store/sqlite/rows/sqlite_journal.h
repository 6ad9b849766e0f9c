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

/// Verbs on `_mirror_journal`, `_mirror_floor` and the view `_mirror_commits`. `connection` outlives them.
std::unique_ptr<JournalVerbs> MakeSqliteJournal(SqliteConnection& connection);

/// Returns whether the mirror has its own table of this name, by what the connection knows, without
/// reading the file.
bool HasOwnTable(SqliteConnection& connection, const std::string& name);

/// In the transaction of `connection`, which must outlive the reader.
/// Returns the number of the table's last commit; 0: there is none. The journal must exist.
absl::StatusOr<std::int64_t> LastCommitOf(SqliteConnection& connection, const std::string& table);
/// Returns the last old commit, or 0. `table`: empty for commits of all tables.
absl::StatusOr<std::int64_t> FindLastOld(SqliteConnection& connection, const std::string& table,
                                         const OldCommits& old);

std::unique_ptr<JournalReader> MakeSqliteJournalReader(SqliteConnection& connection);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_JOURNAL_H_
