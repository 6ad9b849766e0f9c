#ifndef MIRROR_SERVER_STORE_PLAN_RUNNER_H_
#define MIRROR_SERVER_STORE_PLAN_RUNNER_H_

#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/store_transaction.h"

namespace mirror {

/// Runs a plan in a transaction that has begun, and ends it: what every store does the same way. See
/// Store::Commit for what it promises.
///
/// The cycle, the tenant's row and the metadata rows are compared with what the plan expects before anything
/// is written of them. A step is done whole or not at all: behind a savepoint, but where it is the only one,
/// since a savepoint costs every page that changes; if that one fails, the transaction is begun anew and the
/// plan runs with savepoints, so that the rest of it is done. A step that cannot be taken back, and one that
/// fails with kUnavailable or kDataLoss, takes the whole plan with it.
absl::StatusOr<CommitResult> RunPlan(StoreTransaction& transaction, const Plan& plan);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_PLAN_RUNNER_H_
