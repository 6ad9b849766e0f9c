#ifndef MIRROR_SERVER_STORE_POSTGRES_HISTORY_VERBS_H_
#define MIRROR_SERVER_STORE_POSTGRES_HISTORY_VERBS_H_

#include <memory>

#include "server/store/journal_verbs.h"
#include "server/store/postgres/postgres_mirror.h"

namespace mirror {

// In the transaction of `mirror.work`, which has begun when a verb is called. `mirror` outlives them.

std::unique_ptr<JournalVerbs> MakePostgresJournalVerbs(PostgresMirror& mirror);
std::unique_ptr<HistoryVerbs> MakePostgresHistoryVerbs(PostgresMirror& mirror);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HISTORY_VERBS_H_
