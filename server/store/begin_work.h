#ifndef MIRROR_SERVER_STORE_BEGIN_WORK_H_
#define MIRROR_SERVER_STORE_BEGIN_WORK_H_

#include <memory>

#include "absl/status/statusor.h"
#include "server/store/intent.h"
#include "server/store/store.h"
#include "server/store/store_transaction.h"

namespace mirror {

/// Begins `transaction`, which must outlive the returned object, and reads the tenant's row. The returned
/// object runs a plan in the transaction and ends it.
///
/// A savepoint costs a copy of every page that changes. So the only step of a plan, and steps with large
/// batches, run without one. If such a step fails, the transaction is over and CommitResult::again is set:
/// the lock is released, another writer may change the mirror, and the caller has to make a new plan. The
/// first failure of a transaction for which MayTryAgain() holds sets CommitResult::again, too.
absl::StatusOr<std::unique_ptr<StoreWork>> BeginWork(StoreTransaction& transaction, const Intent& intent);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_BEGIN_WORK_H_
