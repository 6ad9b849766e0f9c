#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLE_VERBS_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLE_VERBS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "server/store/postgres/postgres_mirror.h"
#include "server/store/postgres/tables/table_work.h"
#include "server/store/store_transaction.h"

namespace mirror {

/// Works in the transaction of `mirror.work`, which has begun before any call. `mirror` must outlive it.
std::unique_ptr<TableVerbs> MakePostgresTableVerbs(PostgresMirror& mirror);

/// Returns the work context for changing definitions or locking a table. If the transaction began for rows
/// only, at a node that may not change tables, this fails: the plan is made again in another transaction.
absl::StatusOr<TableWork> ChangingTables(PostgresMirror& mirror);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLE_VERBS_H_
