#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_JOURNAL_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_JOURNAL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/store/journal_reader.h"
#include "server/store/journal_verbs.h"
#include "server/store/sqlite/file/sqlite_connection.h"

namespace mirror {

/// Over `_mirror_journal` and `_mirror_floor`, and the view `_mirror_commits`. `connection` outlives it.
std::unique_ptr<JournalVerbs> MakeSqliteJournal(SqliteConnection& connection);

/// Whether the mirror has a table of its own by this name: asked of what the connection knows, not of the
/// file.
bool HasOwnTable(SqliteConnection& connection, const std::string& name);

/// In the transaction of `connection`, which outlives it.
/// Number of the table's last commit; 0: there is none. There is a journal.
absl::StatusOr<std::int64_t> LastCommitOf(SqliteConnection& connection, const std::string& table);
/// The last commit that is old, or 0. `table`: empty for those of all tables.
absl::StatusOr<std::int64_t> FindLastOld(SqliteConnection& connection, const std::string& table,
                                         const OldCommits& old);

std::unique_ptr<JournalReader> MakeSqliteJournalReader(SqliteConnection& connection);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_JOURNAL_H_
