#ifndef MIRROR_SERVER_HUB_PLAN_MATCH_PLAN_H_
#define MIRROR_SERVER_HUB_PLAN_MATCH_PLAN_H_

#include "server/hub/plan/component.h"

namespace mirror {

/// Which rows are one: gives each row its record, founds and merges records, and says of each which data
/// sources had it and which of its rows are doomed.
///   - A row leaves a record by its own news alone.
///   - A new row joins its origin's record, else the oldest that it shares a key with, else it founds one.
///   - Of a member's first reading, it joins before that the oldest record of rows that all went.
///   - Records that share a key merge into the oldest, but not where a system has rows of both.
void MatchPlan(Component* component);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_MATCH_PLAN_H_
