#ifndef MIRROR_SERVER_OPEN_STORE_H_
#define MIRROR_SERVER_OPEN_STORE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "server/config/config.h"
#include "server/store/catalog/audit_log.h"
#include "server/store/catalog/catalog.h"
#include "server/store/catalog/hook_cursor.h"
#include "server/store/catalog/look_log.h"
#include "server/store/home.h"

namespace mirror {

/// Everything that lasts: the mirrors, and what is kept of all of them.
struct OpenedStore {
  std::unique_ptr<Catalog> catalog;
  std::unique_ptr<AuditLog> audit_log;
  std::unique_ptr<LookLog> look_log;
  std::unique_ptr<HookCursor> hook_cursor;
  std::unique_ptr<StoreHome> home;
};

/// Opens what [data] 'store' says, making it where there is nothing yet. The one place that knows which
/// stores there are. Errors: kFailedPrecondition, kUnavailable, for people.
absl::StatusOr<OpenedStore> OpenConfiguredStore(const ServerConfig& config);

}  // namespace mirror

#endif  // MIRROR_SERVER_OPEN_STORE_H_
