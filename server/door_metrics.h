#ifndef MIRROR_SERVER_DOOR_METRICS_H_
#define MIRROR_SERVER_DOOR_METRICS_H_

#include <cstdint>

#include "base/exposition/metric_page.h"
#include "server/watch/door_counters.h"

namespace mirror {

/// What the page for GET /metrics has of the door for JSON.
void AddDoor(const DoorFigures& door, std::int64_t now_ms, MetricPage* page);

}  // namespace mirror

#endif  // MIRROR_SERVER_DOOR_METRICS_H_
