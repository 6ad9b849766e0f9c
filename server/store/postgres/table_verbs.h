#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLE_VERBS_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLE_VERBS_H_

#include <memory>

#include "server/store/postgres/postgres_mirror.h"
#include "server/store/store_transaction.h"

namespace mirror {

/// In the transaction of `mirror.work`, which has begun when one is called. `mirror` outlives it.
std::unique_ptr<TableVerbs> MakePostgresTableVerbs(PostgresMirror& mirror);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLE_VERBS_H_
