#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_POSTGRES_CATALOG_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_POSTGRES_CATALOG_H_

#include <cstdint>
#include <memory>

#include "server/store/catalog/audit_log.h"
#include "server/store/catalog/catalog.h"
#include "server/store/postgres/place/control.h"

// The parts of the control database, each with an interface of its own. All servers that use the control
// database share them.

namespace mirror {

std::unique_ptr<Catalog> MakeCatalog(std::shared_ptr<PostgresControl> control);
std::unique_ptr<AuditLog> MakeAuditLog(std::shared_ptr<PostgresControl> control);
std::unique_ptr<HookCursor> MakeHookCursor(std::shared_ptr<PostgresControl> control);
std::unique_ptr<LookLog> MakeLookLog(std::shared_ptr<PostgresControl> control,
                                     std::uint64_t looks_max = kLooksMax);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_POSTGRES_CATALOG_H_
