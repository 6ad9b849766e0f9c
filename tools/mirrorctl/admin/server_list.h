#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_SERVER_LIST_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_SERVER_LIST_H_

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "mirror/v1/mirror_admin.pb.h"

// The servers that have the same mirrors.

namespace mirror {

/// "db2 at 10.0.0.2:7443": those that run and are configured otherwise than the one that answers.
std::vector<std::string> ServersWithOtherRules(const v1::ListServersResponse& answer);
void PrintServers(std::ostream& out, const v1::ListServersResponse& answer, std::size_t width,
                  std::int64_t now_ms);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_SERVER_LIST_H_
