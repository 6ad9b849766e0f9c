#include "server/rpc/admin/tenant_watch.h"

namespace mirror {
namespace {

/// Compares summaries by value if they were made anew, for example those of unknown tenants.
bool IsSame(const ListedTenant& told, const ListedTenant& tenant) {
  const bool same_summary = told.summary == tenant.summary || *told.summary == *tenant.summary;
  const bool same_hub =
      told.hub == tenant.hub || (told.hub != nullptr && tenant.hub != nullptr && *told.hub == *tenant.hub);
  return same_summary && same_hub && told.progress_ms == tenant.progress_ms && told.late == tenant.late &&
         told.deleted == tenant.deleted && told.rows.since_ms == tenant.rows.since_ms &&
         told.rows.done == tenant.rows.done && told.rows.planned == tenant.rows.planned &&
         told.rows.per_second == tenant.rows.per_second;
}

}  // namespace

TenantWatch::News TenantWatch::Take(const std::vector<ListedTenant>& tenants) {
  News news;
  ++looks_;
  for (const ListedTenant& tenant : tenants) {
    Told& told = told_[tenant.context_id];
    const bool same = told.looked > 0 && IsSame(told.tenant, tenant);
    told.looked = looks_;
    if (same) continue;
    told.tenant = tenant;
    news.changed.push_back(&tenant);
  }
  for (auto one = told_.begin(); one != told_.end();) {
    if (one->second.looked == looks_) {
      ++one;
      continue;
    }
    news.gone.push_back(one->first);
    one = told_.erase(one);
  }
  return news;
}

}  // namespace mirror
