#ifndef MIRROR_SERVER_CONFIG_HUB_KEYS_H_
#define MIRROR_SERVER_CONFIG_HUB_KEYS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "base/text/config_file.h"
#include "server/hub/plan/hub_rules.h"
#include "server/journal/journal_rules.h"

namespace mirror {

/// Reads [[hub]]. Each entry is one entity of a storage; the entries of one storage make one hub, in their
/// order. Errors: kInvalidArgument with file, line and key.
absl::StatusOr<std::vector<HubRules>> ReadHubs(const ConfigFile& file);

/// Returns the rules that give the members' tables, and their sources' delivery reports, a journal always.
std::vector<JournalRule> HubJournal(const std::vector<HubRules>& hubs);

/// Returns whether the journal `in_force`, with which the server was started, covers the tables of `hubs`. A
/// hub never learns of changes that were written to a table before it had a journal.
bool IsJournaled(const std::vector<HubRules>& hubs, const JournalConfig& in_force);

}  // namespace mirror

#endif  // MIRROR_SERVER_CONFIG_HUB_KEYS_H_
