#ifndef MIRROR_SERVER_STORE_POSTGRES_HISTORY_JOURNAL_READER_H_
#define MIRROR_SERVER_STORE_POSTGRES_HISTORY_JOURNAL_READER_H_

#include <memory>

#include "base/db/postgres/connection.h"
#include "server/store/journal_reader.h"
#include "server/store/postgres/place/names.h"

namespace mirror {

/// In the transaction of `connection`. Both outlive it.
/// The last commit that is old, or 0, of those that `which` names in SQL; $1 and $2: see OldCommits.
std::string LastOldSql(const PostgresOwnTables& names, const std::string& which);

std::unique_ptr<JournalReader> MakePostgresJournalReader(postgres::Connection& connection,
                                                         const PostgresOwnTables& names);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HISTORY_JOURNAL_READER_H_
