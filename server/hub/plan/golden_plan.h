#ifndef MIRROR_SERVER_HUB_PLAN_GOLDEN_PLAN_H_
#define MIRROR_SERVER_HUB_PLAN_GOLDEN_PLAN_H_

#include "server/hub/plan/component.h"

namespace mirror {

/// What the records say: of each attribute the value, its version and the row that gives it, by the entity's
/// rules. Behind MatchPlan().
void GoldenPlan(Component* component);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_GOLDEN_PLAN_H_
