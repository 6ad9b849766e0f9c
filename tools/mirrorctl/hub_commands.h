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

/// Adds the option for the storage of a command. Shell completion offers the storages that have a hub.
cli::Option AddHubStorage(const AdminCommands& commands, const cli::Command& command, bool required = true);

/// Returns names in quotes, with commas between them: "'crm', 'erp'".
std::string QuotedNames(const std::vector<std::string>& names);

/// Returns a key in the server's form, a JSON array. If the user typed only a number or a text, it is a key
/// of one column.
std::string KeyAsHubHasIt(const std::string& typed);

/// Prints, after a completed act, the state of the hub and what waits for an operator.
void SayWhatStillWaits(HubClient& client, const std::string& storage, Console& console);

/// Adds merge, part, thaw and rebuild.
void AddManualHubCommands(const AdminCommands& of_hub);
/// Prints, after a hub's status, the oldest deliveries that the sources of its members refused. Without such
/// deliveries it prints nothing.
void ShowFirstRefused(HubClient& client, const v1::HubState& hub, std::size_t width, Console& console);
/// Returns these deliveries as JSON: an array, or null if the server did not return them.
Json FirstRefusedJson(HubClient& client, const v1::HubState& hub);
void AddHubRefused(const AdminCommands& of_hub);

/// Adds list, commit and rollback.
void AddHubHold(const AdminCommands& of_hub);
void AddHubInit(const AdminCommands& of_hub);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_HUB_COMMANDS_H_
