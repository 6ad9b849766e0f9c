#ifndef MIRROR_SERVER_STORE_POSTGRES_HISTORY_JOURNAL_READER_H_
#define MIRROR_SERVER_STORE_POSTGRES_HISTORY_JOURNAL_READER_H_

#include <memory>

#include "base/db/postgres/connection.h"
#include "server/store/journal_reader.h"
#include "server/store/postgres/place/names.h"

namespace mirror {

/// In the transaction of `connection`. Both outlive it.
std::unique_ptr<JournalReader> MakePostgresJournalReader(postgres::Connection& connection,
                                                         const PostgresOwnTables& names);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HISTORY_JOURNAL_READER_H_
