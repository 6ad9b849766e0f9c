#ifndef MIRROR_SERVER_RPC_ADMIN_TENANT_WATCH_H_
#define MIRROR_SERVER_RPC_ADMIN_TENANT_WATCH_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "server/tenant/tenant_list.h"

namespace mirror {

/// Remembers what was sent to a watcher of tenants, to find what is new to it. Takes about 300 bytes for each
/// tenant, plus its summary if that was replaced since. Threads: one.
class TenantWatch {
 public:
  struct News {
    std::vector<const ListedTenant*> changed;  ///< Elements of the argument; new tenants, too.
    std::vector<std::string> gone;
  };
  /// Returns the changes since the last call; the first call returns all. `tenants`: all that exist.
  News Take(const std::vector<ListedTenant>& tenants);

 private:
  struct Told {
    ListedTenant tenant;
    std::uint64_t looked = 0;  ///< Number of the last call in which this tenant existed.
  };

  std::map<std::string, Told> told_;
  std::uint64_t looks_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_ADMIN_TENANT_WATCH_H_
