#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_NAME_COMPLETION_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_NAME_COMPLETION_H_

#include <string>
#include <vector>

#include "base/text/command_tree.h"

namespace mirror {

// Functions for Option::Completes(): they return names from the server. The typed line says which
// configuration to use. A call takes at most one second. On an error there are no names and no message,
// because the user is still typing.

/// Returns tenants of the servers of all configurations in the line, sorted and each once.
std::vector<std::string> TenantNames(const cli::TypedLine& line);
/// Returns the storages of the first page, at most a hundred.
std::vector<std::string> StorageNames(const cli::TypedLine& line);
/// Returns the tables of the line's tenant.
std::vector<std::string> TableNames(const cli::TypedLine& line);
/// Returns the names of holds, such as "Cust26759:3".
std::vector<std::string> HoldNames(const cli::TypedLine& line);
/// Returns the storages that have a hub.
std::vector<std::string> HubNames(const cli::TypedLine& line);
/// Returns the members of the hub of the line's storage.
std::vector<std::string> HubMemberNames(const cli::TypedLine& line);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_NAME_COMPLETION_H_
