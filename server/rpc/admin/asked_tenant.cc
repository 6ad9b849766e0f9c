#include "server/rpc/admin/asked_tenant.h"

#include <algorithm>
#include <vector>

#include "base/folded_name.h"
#include "proto/wire/spelling.h"

namespace mirror {

void TellSpelling(const std::string& spelled, const std::string& asked, grpc::ServerContext& context) {
  if (spelled != asked) context.AddTrailingMetadata(kSpellingMetadata, spelled);
}

absl::StatusOr<std::shared_ptr<Tenant>> FindAskedTenant(Tenants& tenants, const std::string& context_id,
                                                        grpc::ServerContext& context) {
  absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants.Find(context_id);
  if (tenant.ok()) TellSpelling((*tenant)->context_id(), context_id, context);
  return tenant;
}

std::string SpellingOf(Tenants& tenants, const std::string& context_id, grpc::ServerContext& context) {
  if (context_id.empty()) return context_id;
  if (const auto tenant = FindAskedTenant(tenants, context_id, context); tenant.ok())
    return (*tenant)->context_id();
  const absl::StatusOr<std::vector<std::string>> deleted = tenants.Deleted();
  if (!deleted.ok()) return context_id;
  const auto found = std::find_if(deleted->begin(), deleted->end(),
                                  [&](const std::string& one) { return SameName(one, context_id); });
  if (found == deleted->end()) return context_id;
  TellSpelling(*found, context_id, context);
  return *found;
}

}  // namespace mirror
