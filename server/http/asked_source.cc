#include "server/http/asked_source.h"

#include <optional>
#include <utility>

#include "base/status_macros.h"

namespace mirror {

absl::StatusOr<AskedSource> FindSourceOf(Storages& storages, const std::string& storage,
                                         const std::string& source) {
  ASSIGN_OR_RETURN(DataSource found, storages.FindSource(storage, source));
  ASSIGN_OR_RETURN(std::shared_ptr<Tenant> tenant, storages.TenantOf(found));
  return AskedSource{std::move(found), std::move(tenant)};
}

std::string SourceOfQuery(const HttpCall& call) {
  return call.Query("dataSource").value_or(call.Query("datasource").value_or(""));
}

absl::StatusOr<std::string> SourceOfBody(const JsonView& body) {
  std::optional<std::string> source;
  for (const char* const name : {"dataSource", "datasource"}) {
    ASSIGN_OR_RETURN(const std::optional<std::string> text, TextMember(body, name));
    if (!text) continue;
    if (source && *source != *text) {
      return absl::InvalidArgumentError(
          "'dataSource' and 'datasource' are two spellings of one member, and differ. Nothing was done. Send "
          "one of them.");
    }
    source = *text;
  }
  return source.value_or("");
}

}  // namespace mirror
