#ifndef MIRROR_SERVER_STORE_BEGIN_WORK_H_
#define MIRROR_SERVER_STORE_BEGIN_WORK_H_

#include <memory>

#include "absl/status/statusor.h"
#include "server/store/intent.h"
#include "server/store/store.h"
#include "server/store/store_transaction.h"

namespace mirror {

/// Begins `transaction`, which outlives what this gives, and reads the tenant's row: what is given runs a
/// plan in it, see RunPlan(), and ends it.
///
/// A savepoint costs every page that changes, so a step that is the only one, or one of large ones, goes
/// without. If that fails, the transaction is over and CommitResult::again says so: with the lock let go,
/// what stood there may be another's by now, and only a new plan knows. The first failure where the
/// transaction MayTryAgain() is CommitResult::again, too.
absl::StatusOr<std::unique_ptr<StoreWork>> BeginWork(StoreTransaction& transaction, const Intent& intent);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_BEGIN_WORK_H_
