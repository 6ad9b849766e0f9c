#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_JOURNAL_ROWS_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_JOURNAL_ROWS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/journal/journal_entry.h"
#include "server/journal/seen_mark.h"
#include "server/store/journal_reader.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/rows/own_writes.h"
#include "server/store/postgres/rows/state_rows.h"

// `_mirror_journal`, `_mirror_floor` and the view `_mirror_commits`. The state of the journal is in rows of
// kJournal. A transaction reads them with its lock, so an entry costs no additional round trip.

namespace mirror {

/// Returns where the journal is. `state`: all rows of kJournal.
JournalPlace JournalPlaceOf(const std::vector<StateRow>& state, const std::string& table);

/// Returns SQL that reads which writes the journal recorded last: id and text of the documents of kSeenKind.
/// `of_tables`: only the documents of the tables in $1, which is KeysOf().
std::string SeenSql(const PostgresOwnTables& names, bool of_tables);

/// Queues the entry. If the entry is the head of a new open moment, also queues its row of kJournal.
void InsertEntry(OwnWrites& writes, const PostgresOwnTables& names, const JournalEntry& entry);
/// Copies the commit and the origin of `by` to entry `moment`, and deletes the moment's row of kJournal.
/// `state`: as above.
void CloseMoment(OwnWrites& writes, const PostgresOwnTables& names, const std::vector<StateRow>& state,
                 std::int64_t moment, const JournalEntry& by);
void WriteDigest(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table,
                 const Position& position, std::int64_t rows, const std::string& digest);

/// See JournalVerbs::FindLastCommit().
absl::StatusOr<std::int64_t> LastCommitOf(postgres::Connection& connection, const PostgresOwnTables& names,
                                          const std::string& table);
/// See JournalVerbs::Trim(). `has_history`: `_mirror_history` exists.
absl::StatusOr<std::int64_t> TrimJournal(postgres::Connection& connection, const PostgresOwnTables& names,
                                         bool has_history, std::int64_t through, std::int64_t count_max);

/// See JournalVerbs::ForgetKeys(). The journal must exist.
void ForgetJournalKeys(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table);

/// See JournalVerbs::EraseKey(). The journal must exist.
absl::StatusOr<std::int64_t> EraseJournalKey(postgres::Connection& connection, const PostgresOwnTables& names,
                                             const std::string& table, const Key& key);

/// Returns SQL that selects the last old commit among those that `which` selects, or 0. $1 and $2: see
/// OldCommits.
std::string LastOldSql(const PostgresOwnTables& names, const std::string& which);

/// Makes a reader in the connection's transaction. Both arguments must outlive it.
std::unique_ptr<JournalReader> MakePostgresJournalReader(postgres::Connection& connection,
                                                         const PostgresOwnTables& names);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_JOURNAL_ROWS_H_
