#include "server/http/asked_source.h"

#include <utility>

namespace mirror {

absl::StatusOr<AskedSource> FindSourceOf(Storages& storages, const std::string& storage,
                                         const std::string& source) {
  absl::StatusOr<DataSource> found = storages.FindSource(storage, source);
  if (!found.ok()) return found.status();
  absl::StatusOr<std::shared_ptr<Tenant>> tenant = storages.TenantOf(*found);
  if (!tenant.ok()) return tenant.status();
  return AskedSource{*std::move(found), *std::move(tenant)};
}

absl::StatusOr<AskedSource> FindAskedSource(Storages& storages, const HttpCall& call,
                                            const std::string& storage, const std::string& source) {
  if (!call.Sees(storage)) return NoStorage(storage);
  return FindSourceOf(storages, storage, source);
}

std::string SourceOfQuery(const HttpCall& call) {
  return call.Query("dataSource").value_or(call.Query("datasource").value_or(""));
}

}  // namespace mirror
