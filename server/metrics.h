#ifndef MIRROR_SERVER_METRICS_H_
#define MIRROR_SERVER_METRICS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/http/metric_page.h"
#include "server/hub/hub_watch.h"
#include "server/source/in_flight.h"
#include "server/store/store_state.h"
#include "server/tenant/tenants.h"
#include "server/watch/counters.h"
#include "server/watch/door_counters.h"
#include "server/watch/freshness.h"

namespace mirror {

/// Members of hubs that have series of their own. If there are more, those for
/// which something waits or fails are shown.
inline constexpr std::size_t kHubMembersShownMax = 1'000;

/// Adds the metrics of hubs to the page for GET /metrics.
void AddHubs(const std::vector<WatchedHub>& hubs, std::int64_t now_ms, MetricPage* page);

/// Tenants that have series of their own. If there are more, those that need an operator come
/// first, then those that were served longest ago.
inline constexpr std::size_t kTenantsShownMax = 1'000;

/// A key or certificate that ends one day.
struct ExpiringKey {
  std::string name;
  std::string kind;
  std::int64_t not_after_s = 0;  ///< Unix seconds.
};

/// This server among those that have the same mirrors.
struct FleetShare {
  bool shows_tenants = true;           ///< One of the servers shows them, for all.
  std::optional<std::size_t> running;  ///< Servers; absent: not known now.
};

/// The sources of the numbers. All of them must outlive the owner of this struct.
struct MetricsSources {
  const ServerCounters& counters;
  Tenants& tenants;
  const FreshnessWatch& freshness;
  std::function<InFlight::Usage()> usage;
  std::function<std::vector<ExpiringKey>()> expiring;
  std::function<StoreState()> store = {};  ///< Null: the mirrors are in no database server.
  std::function<FleetShare()> fleet = {};  ///< Null: no other server has these mirrors.
  std::function<DoorFigures()> door = {};  ///< Null: no JSON is served.
  /// The hubs that this server shows; of several servers each hub is shown by one.
  std::function<std::vector<WatchedHub>()> hubs = {};
};

/// Writes the page for GET /metrics. Waits for no tenant and opens none: it shows what is known of
/// them. For PostgreSQL it waits as long as StoreLook.
/// docs/reference/metrics.md lists every metric.
std::string ServerMetricsText(const MetricsSources& sources, std::int64_t now_ms);

}  // namespace mirror

#endif  // MIRROR_SERVER_METRICS_H_
