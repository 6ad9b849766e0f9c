#ifndef MIRROR_SERVER_STORE_PLAN_RUNNER_H_
#define MIRROR_SERVER_STORE_PLAN_RUNNER_H_

#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/store_transaction.h"

namespace mirror {

/// What became of a plan that was run and is not committed yet.
struct RanPlan {
  absl::StatusOr<CommitResult> result;
  bool needs_savepoint = false;  ///< A step failed that could not be taken back alone.
  TenantRecord after;            ///< The tenant's row by then; with a result that is OK.
  Kept kept = Kept::kNow;        ///< The plan's, unless it turned out to be more than it was planned for.
};

/// Runs a plan in `transaction`, which has begun; `tenant` is the row under its lock. What every store does
/// the same way: see StoreWork for what it promises.
///
/// The cycle and the metadata rows are compared with what the plan says before anything is written of them. A
/// step is done whole or not at all: with `savepoints` behind one of its own. Without them a step that fails
/// takes the plan with it, and so does one that cannot be taken back, one that fails with kUnavailable or
/// kDataLoss, and whatever fails where the transaction MayTryAgain(). A step that fails with kAborted does
/// not become its `otherwise`.
RanPlan RunPlan(StoreTransaction& transaction, const TenantRecord& tenant, const Plan& plan, bool savepoints);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_PLAN_RUNNER_H_
