#ifndef MIRROR_SERVER_STORE_BEGIN_WORK_H_
#define MIRROR_SERVER_STORE_BEGIN_WORK_H_

#include <memory>

#include "absl/status/statusor.h"
#include "server/store/intent.h"
#include "server/store/store.h"
#include "server/store/store_transaction.h"

namespace mirror {

/// Begins `transaction`, which outlives what this gives, and reads the tenant's row: what is given runs plans
/// in it, see plan_runner.h.
absl::StatusOr<std::unique_ptr<StoreWork>> BeginWork(StoreTransaction& transaction, const Intent& intent);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_BEGIN_WORK_H_
