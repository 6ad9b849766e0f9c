#ifndef MIRROR_TOOLS_MIRRORCTL_HUB_COMMANDS_H_
#define MIRROR_TOOLS_MIRRORCTL_HUB_COMMANDS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "tools/mirrorctl/admin/admin_client.h"
#include "tools/mirrorctl/admin/admin_output.h"
#include "tools/mirrorctl/admin_commands.h"

// What the commands below 'hub' share.

namespace mirror {

/// The storage that a command is about, which completes to those that have a hub.
cli::Option AddHubStorage(const AdminCommands& commands, const cli::Command& command, bool required = true);

/// 'crm', 'erp'
std::string QuotedNames(const std::vector<std::string>& names);

/// A key as the server has it: a JSON array. A number or a text alone is a key of one column.
std::string KeyAsHubHasIt(const std::string& typed);

/// Behind an act that was done: how the hub stands now, and what waits for somebody.
void SayWhatStillWaits(HubClient& client, const std::string& storage, Console& console);

/// merge, part, thaw, rebuild.
void AddHubHand(const AdminCommands& of_hub);
/// Behind a hub's status: the oldest deliveries that its members' sources refused. Says nothing where there
/// are none.
void ShowFirstRefused(HubClient& client, const v1::HubState& hub, std::size_t width, Console& console);
/// The same as JSON: an array, or null where that was not to be had.
Json FirstRefusedJson(HubClient& client, const v1::HubState& hub);
void AddHubRefused(const AdminCommands& of_hub);

/// list, commit, rollback.
void AddHubHold(const AdminCommands& of_hub);
void AddHubInit(const AdminCommands& of_hub);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_HUB_COMMANDS_H_
