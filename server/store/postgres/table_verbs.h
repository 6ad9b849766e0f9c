#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLE_VERBS_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLE_VERBS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "server/store/postgres/postgres_mirror.h"
#include "server/store/postgres/tables/table_work.h"
#include "server/store/store_transaction.h"

namespace mirror {

/// In the transaction of `mirror.work`, which has begun when one is called. `mirror` outlives it.
std::unique_ptr<TableVerbs> MakePostgresTableVerbs(PostgresMirror& mirror);

/// For what changes definitions, or locks a table. Where the transaction began for rows alone, at a node that
/// takes no such thing, the plan is made again in one that did not.
absl::StatusOr<TableWork> ChangingTables(PostgresMirror& mirror);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLE_VERBS_H_
