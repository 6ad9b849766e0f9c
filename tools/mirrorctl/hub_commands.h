#ifndef MIRROR_TOOLS_MIRRORCTL_HUB_COMMANDS_H_
#define MIRROR_TOOLS_MIRRORCTL_HUB_COMMANDS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "tools/mirrorctl/admin/admin_client.h"
#include "tools/mirrorctl/admin/admin_output.h"
#include "tools/mirrorctl/admin_commands.h"

// Functions that the commands below 'hub' share.

namespace mirror {

/// Adds the option for the command's storage. Shell completion offers the storages that have a hub.
cli::Option AddHubStorage(const AdminCommands& commands, const cli::Command& command, bool required = true);

/// Returns "'crm', 'erp'".
std::string QuotedNames(const std::vector<std::string>& names);

/// Returns a key in the server's form: a JSON array. A number or a text alone is a key of one column.
std::string KeyAsHubHasIt(const std::string& typed);

/// After a completed act: prints the state of the hub and what waits for an operator.
void SayWhatStillWaits(HubClient& client, const std::string& storage, Console& console);

/// Adds merge, part, thaw and rebuild.
void AddManualHubCommands(const AdminCommands& of_hub);
/// After a hub's status: prints the oldest deliveries that its members' sources refused. Prints nothing if
/// there are none.
void ShowFirstRefused(HubClient& client, const v1::HubState& hub, std::size_t width, Console& console);
/// Returns the same as JSON: an array, or null if the server did not give it.
Json FirstRefusedJson(HubClient& client, const v1::HubState& hub);
void AddHubRefused(const AdminCommands& of_hub);

/// Adds list, commit and rollback.
void AddHubHold(const AdminCommands& of_hub);
void AddHubInit(const AdminCommands& of_hub);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_HUB_COMMANDS_H_
