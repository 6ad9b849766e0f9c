#ifndef MIRROR_SERVER_CONFIG_HUB_KEYS_H_
#define MIRROR_SERVER_CONFIG_HUB_KEYS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "base/text/config_file.h"
#include "server/hub/plan/hub_rules.h"
#include "server/journal/journal_rules.h"

namespace mirror {

/// [[hub]]: one entity of a storage each; those of one storage are one hub, in their order. Errors:
/// kInvalidArgument with file, line and key.
absl::StatusOr<std::vector<HubRules>> ReadHubs(const ConfigFile& file);

/// That its members' tables, and what their sources tell of deliveries, always have a journal.
std::vector<JournalRule> HubJournal(const std::vector<HubRules>& hubs);

/// Whether these have it already, in a server that was started with such a journal: what is written of a
/// table before it has one, no hub would ever hear of.
bool IsJournaled(const std::vector<HubRules>& hubs, const JournalConfig& in_force);

}  // namespace mirror

#endif  // MIRROR_SERVER_CONFIG_HUB_KEYS_H_
