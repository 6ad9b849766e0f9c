#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_NEAREST_NAMES_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_NEAREST_NAMES_H_

#include <string>
#include <vector>

#include "tools/mirrorctl/admin/admin_client.h"

namespace mirror {

/// Where the server found no such tenant or table: "Did you mean 'Album'?", of those that there are. Empty:
/// none is near, or the server does not say.
std::string NearestNames(AdminClient& admin, const std::string& context_id,
                         const std::vector<std::string>& tables);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_NEAREST_NAMES_H_
