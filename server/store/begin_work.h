#ifndef MIRROR_SERVER_STORE_BEGIN_WORK_H_
#define MIRROR_SERVER_STORE_BEGIN_WORK_H_

#include <memory>

#include "absl/status/statusor.h"
#include "server/store/intent.h"
#include "server/store/store.h"
#include "server/store/store_transaction.h"

namespace mirror {

/// Begins `transaction` and reads the tenant's row. The returned object runs a plan in the transaction and
/// ends it. `transaction` must outlive that object.
///
/// A savepoint costs a copy of every page that changes. So the only step of a plan, and steps with large
/// batches, run without a savepoint. If such a step fails, the whole transaction is rolled back and
/// CommitResult::again is set. The lock is then released, and another writer may change the mirror: the
/// caller has to make a new plan. CommitResult::again is also set at the first failure for which
/// MayTryAgain() returns true.
absl::StatusOr<std::unique_ptr<StoreWork>> BeginWork(StoreTransaction& transaction, const Intent& intent);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_BEGIN_WORK_H_
