#ifndef MIRROR_SERVER_STORE_PLAN_RUNNER_H_
#define MIRROR_SERVER_STORE_PLAN_RUNNER_H_

#include <memory>
#include <new>

#include "server/plan/plan.h"
#include "server/store/store.h"
#include "server/store/store_transaction.h"

namespace mirror {

/// Takes back a transaction that nobody has committed.
struct RollBack {
  void operator()(StoreTransaction* transaction) const {
    try {
      transaction->Rollback();
    } catch (const std::bad_alloc&) {
      // Whoever has no memory for it closes the store, and that takes it back.
    }
  }
};
using BegunTransaction = std::unique_ptr<StoreTransaction, RollBack>;

/// Runs a plan in `transaction` and ends it; `tenant` is the row under its lock. What every
/// store does the same way: see StoreWork for what it promises.
///
/// The cycle and the metadata rows are compared with what the plan says before anything is written of them. A
/// step is done whole or not at all: behind a savepoint, but where it is the only one, since a savepoint
/// costs every page that changes. If that one fails, the transaction is over and CommitResult::again says so:
/// with the lock let go, what stood there may be another's by now, and only a new plan knows. A step that
/// cannot be taken back, and one that fails with kUnavailable or kDataLoss, takes the whole plan with it; so
/// does whatever fails where the transaction MayTryAgain(), and the first time that is CommitResult::again,
/// too. A step that fails with kAborted does not become its `otherwise`.
std::unique_ptr<StoreWork> MakePlanRunner(BegunTransaction transaction, TenantRecord tenant);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_PLAN_RUNNER_H_
