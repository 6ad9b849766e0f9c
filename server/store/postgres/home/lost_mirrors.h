#ifndef MIRROR_SERVER_STORE_POSTGRES_HOME_LOST_MIRRORS_H_
#define MIRROR_SERVER_STORE_POSTGRES_HOME_LOST_MIRRORS_H_

#include <string>

#include "absl/status/status.h"
#include "server/store/postgres/home/placed_mirrors.h"

// Mirrors that are not where they are served. A new one is made only where none can be elsewhere.

namespace mirror {

/// Of one whose schema is not there: kNotFound where its place provably went back to before it was made, and
/// no other place has it; else kDataLoss. Both with kLostPayload; or why that cannot be told now.
absl::Status WhyLost(PlacedMirrors& mirrors, const Placement& placement);
/// Of a status of WhyLost().
bool MayBeMadeAnew(const absl::Status& lost);
/// Of one whose schema is there: that its mark is missing would prove nothing any more.
absl::Status CheckMark(PlacedMirrors& mirrors, const Placement& placement);
/// kNotFound of one that the control database does not have; kForgottenPayload where no place has it either.
absl::Status IsUnknown(const PlacedMirrors& mirrors, const std::string& context_id);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HOME_LOST_MIRRORS_H_
