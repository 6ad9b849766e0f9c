#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_NAME_COMPLETION_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_NAME_COMPLETION_H_

#include <string>
#include <vector>

#include "base/text/command_tree.h"

namespace mirror {

// For Option::Completes(): names that the server knows; the typed line names its configuration. The server
// gets one second at most. On any error there are no names and no message, since the user is still typing.

/// Names from the servers of all configurations that the line gives; each once, sorted.
std::vector<std::string> TenantNames(const cli::TypedLine& line);
/// Returns the first page: a hundred names at most.
std::vector<std::string> StorageNames(const cli::TypedLine& line);
/// Returns the tables of the line's tenant.
std::vector<std::string> TableNames(const cli::TypedLine& line);
/// Returns names such as "Cust26759:3".
std::vector<std::string> HoldNames(const cli::TypedLine& line);
/// Returns the storages that have a hub.
std::vector<std::string> HubNames(const cli::TypedLine& line);
/// Returns the members of the hub of the line's storage.
std::vector<std::string> HubMemberNames(const cli::TypedLine& line);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_NAME_COMPLETION_H_
