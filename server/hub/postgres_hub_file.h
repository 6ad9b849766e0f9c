#ifndef MIRROR_SERVER_HUB_POSTGRES_HUB_FILE_H_
#define MIRROR_SERVER_HUB_POSTGRES_HUB_FILE_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/hub/hub_file.h"
#include "server/hub/plan/hub_rules.h"
#include "server/store/postgres/place/control.h"

namespace mirror {

/// A server that holds a hub and is idle for so long hangs: a waiting server ends its connection.
inline constexpr std::int64_t kHubHangsMs = 60'000;

/// Opens the hub's schema in the control database, see HubSchema. `control` has its own connections: a
/// derivation keeps one for as long as it takes. A schema that a person dropped is made anew.
absl::StatusOr<std::unique_ptr<HubFile>> OpenPostgresHubFile(std::shared_ptr<PostgresControl> control,
                                                             const HubRules& rules);

/// See HubFiles. Waits for a running derivation. Errors: kUnavailable;
/// kFailedPrecondition: the schema does not belong to the role.
absl::Status RemovePostgresHubFile(PostgresControl& control, const HubRules& rules);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_POSTGRES_HUB_FILE_H_
