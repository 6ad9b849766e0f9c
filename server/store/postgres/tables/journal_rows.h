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

// `_mirror_journal`, `_mirror_floor` and the view `_mirror_commits`. Where it stands is a row of kJournal,
// which a transaction reads with its lock: so an entry costs no round trip of its own.

namespace mirror {

/// `state`: all of kJournal.
JournalPlace JournalPlaceOf(const std::vector<StateRow>& state, const std::string& table);

/// Reads what the journal saw last: the id and the text of documents of kSeenKind. `of_tables`: only those of
/// the tables in $1, which is KeysOf().
std::string SeenSql(const PostgresOwnTables& names, bool of_tables);

/// Who has a head that is open has its row of kJournal, too.
void InsertEntry(OwnWrites& writes, const PostgresOwnTables& names, const JournalEntry& entry);
/// `state` as above. An entry that heads no moment that is open is left as it is.
void CloseMoment(OwnWrites& writes, const PostgresOwnTables& names, const std::vector<StateRow>& state,
                 std::int64_t moment, const JournalEntry& by);
void WriteDigest(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table,
                 const Position& position, std::int64_t rows, const std::string& digest);

/// See JournalVerbs::FindLastCommit().
absl::StatusOr<std::int64_t> LastCommitOf(postgres::Connection& connection, const PostgresOwnTables& names,
                                          const std::string& table);
/// See JournalVerbs::Trim(). `has_history`: there is a `_mirror_history`.
absl::StatusOr<std::int64_t> TrimJournal(postgres::Connection& connection, const PostgresOwnTables& names,
                                         bool has_history, std::int64_t through, std::int64_t count_max);

/// See JournalVerbs::ForgetKeys(). The journal is there.
void ForgetJournalKeys(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table);

/// See JournalVerbs::EraseKey(). The journal is there.
absl::StatusOr<std::int64_t> EraseJournalKey(postgres::Connection& connection, const PostgresOwnTables& names,
                                             const std::string& table, const Key& key);

/// In the transaction of `connection`. Both outlive it.
/// The last commit that is old, or 0, of those that `which` names in SQL; $1 and $2: see OldCommits.
std::string LastOldSql(const PostgresOwnTables& names, const std::string& which);

std::unique_ptr<JournalReader> MakePostgresJournalReader(postgres::Connection& connection,
                                                         const PostgresOwnTables& names);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_JOURNAL_ROWS_H_
