#ifndef MIRROR_SERVER_CONFIG_HUB_KEYS_H_
#define MIRROR_SERVER_CONFIG_HUB_KEYS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "base/config/config_file.h"
#include "server/hub/plan/hub_rules.h"

namespace mirror {

/// [[hub]]: one entity of a storage each; those of one storage are one hub, in their order. Errors:
/// kInvalidArgument with file, line and key.
absl::StatusOr<std::vector<HubRules>> ReadHubs(const ConfigFile& file);

}  // namespace mirror

#endif  // MIRROR_SERVER_CONFIG_HUB_KEYS_H_
