#ifndef MIRROR_SERVER_HUB_POSTGRES_HUB_FILE_H_
#define MIRROR_SERVER_HUB_POSTGRES_HUB_FILE_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/hub/hub_file.h"
#include "server/hub/plan/hub_rules.h"
#include "server/store/postgres/place/control.h"

namespace mirror {

/// A server that has a hub to itself, and has done nothing for so long, hangs: who waits ends its connection.
inline constexpr std::int64_t kHubHangsMs = 60'000;

/// The hub's schema in the control database, see HubSchema. `control` has connections of its own: a
/// derivation keeps one for as long as it takes. A schema that somebody drops is made anew.
absl::StatusOr<std::unique_ptr<HubFile>> OpenPostgresHubFile(std::shared_ptr<PostgresControl> control,
                                                             const HubRules& rules);

/// See HubFiles. Behind whoever derives. Errors: kUnavailable; kFailedPrecondition: the schema is not the
/// role's.
absl::Status RemovePostgresHubFile(PostgresControl& control, const HubRules& rules);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_POSTGRES_HUB_FILE_H_
