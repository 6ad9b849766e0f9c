#ifndef MIRROR_SERVER_HUB_PLAN_HAND_PLAN_H_
#define MIRROR_SERVER_HUB_PLAN_HAND_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/hub/plan/component.h"

namespace mirror {

/// What an operator says of one record: with which other it is one, or which of its rows are a record of
/// their own.
struct HandDecision {
  std::string golden_id;
  std::string other_id = {};        ///< Empty: it is parted.
  std::vector<RowRef> rows = {};    ///< Empty: it is merged.
  std::int64_t* records = nullptr;  ///< Number of the last record; a new one takes the next.
};

/// Does that to a component that has the records, whose ids are of records that are there. `golden_id` of the
/// decision becomes that of the merged record, the older of the two, or of the new one. Before MatchPlan().
/// Errors: kInvalidArgument: they are one already, or of two entities; a row is not in the record, or none is
/// left in it. Nothing was changed then.
absl::Status HandPlan(HandDecision* decision, Component* component);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_HAND_PLAN_H_
