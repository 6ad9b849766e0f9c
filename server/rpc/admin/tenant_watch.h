#ifndef MIRROR_SERVER_RPC_ADMIN_TENANT_WATCH_H_
#define MIRROR_SERVER_RPC_ADMIN_TENANT_WATCH_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/tenant/tenant_list.h"

namespace mirror {

/// What a watcher of tenants was told of each, and by that what is news to it. About 200 bytes for a tenant,
/// beside a summary that is not the present one any more. Threads: one.
class TenantWatch {
 public:
  struct News {
    std::vector<const ListedTenant*> changed;  ///< Of those that were given; new ones, too.
    std::vector<std::string> gone;
  };
  /// Since the call before it: at the first one all are news. `tenants`: all that there are.
  News Take(const std::vector<ListedTenant>& tenants);

 private:
  struct Told {
    std::shared_ptr<const TenantSummary> summary;  ///< Never changed, only replaced.
    std::int64_t progress_ms = 0;
    std::size_t late = 0;
    bool deleted = false;
    std::shared_ptr<const TenantInHub> hub;
    std::int64_t since_ms = 0;
    std::uint64_t done = 0, planned = 0, per_second = 0;
    std::uint64_t looked = 0;  ///< The call that it was there in last.
  };
  static bool IsSame(const Told& told, const ListedTenant& tenant);

  std::map<std::string, Told> told_;
  std::uint64_t looks_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_ADMIN_TENANT_WATCH_H_
