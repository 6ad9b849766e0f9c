#include "server/open_store.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/catalog/sqlite/catalog_file.h"
#include "server/store/catalog/sqlite/sqlite_catalog.h"
#include "server/store/sqlite/sqlite_home.h"

namespace mirror {
namespace {

SqliteOptions SqliteOptionsOf(const ServerConfig& config) {
  SqliteOptions options;
  options.wal_bytes_max = config.data.wal_bytes_max;
  options.value_bytes_max = static_cast<std::int64_t>(config.limits.value_bytes_max);
  options.build_beside = true;
  return options;
}

absl::StatusOr<OpenedStore> OpenFolder(const ServerConfig& config) {
  absl::StatusOr<std::shared_ptr<CatalogFile>> file = CatalogFile::Open(config.data.dir);
  if (!file.ok()) return file.status();
  absl::StatusOr<std::unique_ptr<StoreHome>> home = OpenSqliteHome(config.data.dir, SqliteOptionsOf(config));
  if (!home.ok()) return home.status();
  return OpenedStore{MakeCatalog(*file), MakeAuditLog(*file), MakeLookLog(*file), MakeHookCursor(*file),
                     *std::move(home)};
}

}  // namespace

absl::StatusOr<OpenedStore> OpenConfiguredStore(const ServerConfig& config) {
  std::error_code error;
  std::filesystem::create_directories(config.data.dir, error);
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat("the data folder '", config.data.dir, "' cannot be made: ", error.message()));
  }
  return OpenFolder(config);
}

}  // namespace mirror
