#ifndef MIRROR_SERVER_STORE_CATALOG_SQLITE_SQLITE_CATALOG_H_
#define MIRROR_SERVER_STORE_CATALOG_SQLITE_SQLITE_CATALOG_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/store/catalog/audit_log.h"
#include "server/store/catalog/catalog.h"
#include "server/store/catalog/hook_cursor.h"
#include "server/store/catalog/look_log.h"
#include "server/store/catalog/sqlite/catalog_file.h"

// What stands in one catalog file, each part for who needs it.

namespace mirror {

std::unique_ptr<Catalog> MakeCatalog(std::shared_ptr<CatalogFile> file);
std::unique_ptr<AuditLog> MakeAuditLog(std::shared_ptr<CatalogFile> file);
std::unique_ptr<HookCursor> MakeHookCursor(std::shared_ptr<CatalogFile> file);
std::unique_ptr<LookLog> MakeLookLog(std::shared_ptr<CatalogFile> file, std::uint64_t looks_max = kLooksMax);

/// Events and summaries alone, in `<dir>/catalog.db`.
absl::StatusOr<std::unique_ptr<Catalog>> OpenSqliteCatalog(const std::string& dir);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_CATALOG_SQLITE_SQLITE_CATALOG_H_
