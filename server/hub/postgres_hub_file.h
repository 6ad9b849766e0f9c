#ifndef MIRROR_SERVER_HUB_POSTGRES_HUB_FILE_H_
#define MIRROR_SERVER_HUB_POSTGRES_HUB_FILE_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/hub/hub_file.h"
#include "server/hub/plan/hub_rules.h"
#include "server/store/postgres/place/control.h"

namespace mirror {

/// A server that derives a hub but sends nothing for this time, in milliseconds, counts as hanging. A waiting
/// server then ends its connection.
inline constexpr std::int64_t kHubHangsMs = 60'000;

/// Opens the hub's schema in the control database, see HubSchema. `control` needs connections of its own,
/// because a derivation keeps one until it ends. A schema that a person dropped is created again.
absl::StatusOr<std::unique_ptr<HubFile>> OpenPostgresHubFile(std::shared_ptr<PostgresControl> control,
                                                             const HubRules& rules);

/// See HubFiles::remove. Waits for a running derivation. Errors: kUnavailable; kFailedPrecondition: the
/// schema does not belong to the role.
absl::Status RemovePostgresHubFile(PostgresControl& control, const HubRules& rules);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_POSTGRES_HUB_FILE_H_
