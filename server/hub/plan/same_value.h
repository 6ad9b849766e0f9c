#ifndef MIRROR_SERVER_HUB_PLAN_SAME_VALUE_H_
#define MIRROR_SERVER_HUB_PLAN_SAME_VALUE_H_

#include "server/hub/plan/hub_values.h"

namespace mirror {

/// Whether two values are one number or one moment, however each is written: 12.5, '12.50' and '12.5000', or
/// '2026-01-02T03:04:05Z' and '2026-01-02 03:04:05.000'. A column whose type changes is written in another
/// form by its database, and nobody edited it.
bool SaysTheSame(const Literal& a, const Literal& b);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_SAME_VALUE_H_
