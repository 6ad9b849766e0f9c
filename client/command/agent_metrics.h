#ifndef MIRROR_CLIENT_COMMAND_AGENT_METRICS_H_
#define MIRROR_CLIENT_COMMAND_AGENT_METRICS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "certs/expiry.h"
#include "client/cycle/cycle.h"
#include "client/wire/mirror_client.h"

namespace mirror {

class MetricPage;

/// Maximum of sources with series of their own; docs/reference/metrics.md says which ones are left out.
inline constexpr std::size_t kSourcesShownMax = 1'000;

/// Counters of `mirror-agent run` for its sources, and the page that shows them.
/// docs/reference/metrics.md lists every metric.
/// Threads: any; each source is updated by one.
class AgentMetrics {
 public:
  /// `tenants`: the context id of each source. `keys`: keys and certificates that the agent uses.
  explicit AgentMetrics(const std::vector<std::string>& tenants, std::vector<DatedKey> keys = {});

  WireCounters& wire(std::size_t source) { return sources_[source]->wire; }
  void Begun(std::size_t source, std::int64_t now_ms);
  /// `now_ms`: the end of the run.
  void Ended(std::size_t source, const CycleReport& report, double seconds, std::int64_t now_ms);

  std::string Text(std::int64_t now_ms) const;

 private:
  static constexpr std::size_t kResults = 6;  ///< Number of values of TableResult.

  struct Source {
    std::string tenant;
    WireCounters wire;
    Counter done, incomplete, busy, told_not, failed;
    Counter inserts, updates, deletes;
    Timings runs;
    std::atomic<bool> running{false};
    std::atomic<std::int64_t> begun_ms{0};                      ///< Begin of the last run.
    std::atomic<std::int64_t> success_ms{0};                    ///< End of the last good run.
    std::array<std::atomic<std::uint64_t>, kResults> tables{};  ///< By result; last run that was not busy.
    std::atomic<std::uint64_t> differing{0};
    Counter applied, conflicts, refusals;           ///< Deliveries.
    std::atomic<bool> exchanges{false};             ///< A run asked for deliveries.
    std::atomic<std::uint64_t> refused{0};          ///< Refused ones of the last run that did; also not due.
    std::atomic<std::int64_t> waiting_since_ms{0};  ///< Since then the hub gives none; 0: it does.
    mutable Mutex mutex;
    LogFigures log MIRROR_GUARDED_BY(mutex);  ///< Figures of the last run that read a log.
  };

  /// The source whose last good run is oldest comes first: the ones cut off are the least interesting.
  std::vector<const Source*> Shown() const;
  void AddTimings(MetricPage& page) const;
  static void AddCounters(const Source& source, MetricPage& page);
  static void AddLastRun(const Source& source, std::int64_t now_ms, MetricPage& page);
  static void AddDeliveries(const Source& source, std::int64_t now_ms, MetricPage& page);
  static void AddLog(const Source& source, MetricPage& page);

  std::vector<std::unique_ptr<Source>> sources_;
  const std::vector<DatedKey> keys_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_COMMAND_AGENT_METRICS_H_
