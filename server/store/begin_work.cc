#include "server/store/begin_work.h"

#include <utility>

#include "server/store/plan_runner.h"

namespace mirror {

absl::StatusOr<std::unique_ptr<StoreWork>> BeginWork(StoreTransaction& transaction, const Intent& intent) {
  if (absl::Status status = transaction.Begin(intent); !status.ok()) return status;
  BegunTransaction begun(&transaction);
  absl::StatusOr<TenantRecord> tenant = begun->tenant().ReadTenant();
  if (!tenant.ok()) return tenant.status();
  return MakePlanRunner(std::move(begun), *std::move(tenant));
}

}  // namespace mirror
