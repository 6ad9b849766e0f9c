#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_NAME_COMPLETION_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_NAME_COMPLETION_H_

#include <string>
#include <vector>

#include "base/text/command_tree.h"

namespace mirror {

// For Option::Completes(): what the server knows that the configuration of the line names. It is asked for
// one second at most. Whatever goes wrong, nothing is said and there are no names: somebody is typing.

/// Of the servers of all configurations, where the line names several; each once, sorted.
std::vector<std::string> TenantNames(const cli::TypedLine& line);
/// The first hundred.
std::vector<std::string> StorageNames(const cli::TypedLine& line);
/// Of the line's tenant.
std::vector<std::string> TableNames(const cli::TypedLine& line);
/// "Cust26759:3"
std::vector<std::string> HoldNames(const cli::TypedLine& line);
/// Storages that have a hub.
std::vector<std::string> HubNames(const cli::TypedLine& line);
/// Members of the hub of the line's storage.
std::vector<std::string> HubMemberNames(const cli::TypedLine& line);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_NAME_COMPLETION_H_
