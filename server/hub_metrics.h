#ifndef MIRROR_SERVER_HUB_METRICS_H_
#define MIRROR_SERVER_HUB_METRICS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/exposition/metric_page.h"
#include "server/hub/hub_watch.h"

namespace mirror {

/// Members of hubs that have series of their own; of more than these those for which something waits or
/// fails.
inline constexpr std::size_t kHubMembersShownMax = 1'000;

/// What the page for GET /metrics has of hubs.
void AddHubs(const std::vector<WatchedHub>& hubs, std::int64_t now_ms, MetricPage* page);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_METRICS_H_
