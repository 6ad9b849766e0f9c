#include "server/http/asked_source.h"

#include <optional>
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

std::string SourceOfQuery(const HttpCall& call) {
  return call.Query("dataSource").value_or(call.Query("datasource").value_or(""));
}

absl::StatusOr<std::string> SourceOfBody(const JsonView& body) {
  std::optional<std::string> source;
  for (const char* const name : {"dataSource", "datasource"}) {
    const absl::StatusOr<std::optional<std::string>> text = TextMember(body, name);
    if (!text.ok()) return text.status();
    if (!*text) continue;
    if (source && *source != **text) {
      return absl::InvalidArgumentError(
          "'dataSource' and 'datasource' are two spellings of one member, and differ. Nothing was done. Send "
          "one of them.");
    }
    source = **text;
  }
  return source.value_or("");
}

}  // namespace mirror
