#ifndef MIRROR_CLIENT_RUN_OPEN_TARGET_H_
#define MIRROR_CLIENT_RUN_OPEN_TARGET_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/config/source_config.h"
#include "client/exchange/delivery_target.h"
#include "client/exchange/inbox_layout.h"

// From the kind of a source to who applies deliveries there: a new kind that takes some is a line in
// open_target.cc, and KindTraits.takes_deliveries.

namespace mirror {

/// Null: it takes none, by its configuration or since it has no tables for them. `state_dir`: where the agent
/// keeps what it found of the source's values. `layout`: what else is told there. `source` outlives it.
/// Errors: the source cannot be reached.
absl::StatusOr<std::unique_ptr<DeliveryTarget>> OpenTarget(const SourceConfig& source,
                                                           const std::string& state_dir,
                                                           MakeInboxLayout layout);

}  // namespace mirror

#endif  // MIRROR_CLIENT_RUN_OPEN_TARGET_H_
