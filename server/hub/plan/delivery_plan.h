#ifndef MIRROR_SERVER_HUB_PLAN_DELIVERY_PLAN_H_
#define MIRROR_SERVER_HUB_PLAN_DELIVERY_PLAN_H_

#include "server/hub/plan/component.h"

namespace mirror {

/// All that records and rows differ in, as deliveries. What stands already keeps its id and state, what is
/// not wanted any more goes. Behind GoldenPlan().
void DeliveryPlan(Component* component);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_DELIVERY_PLAN_H_
