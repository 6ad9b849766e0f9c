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
  /// `tenants`: the context id of each source; other calls name a source by its index in this list.
  /// `keys`: keys and certificates that the agent uses.
  explicit AgentMetrics(const std::vector<std::string>& tenants, std::vector<DatedKey> keys = {});

  WireCounters& wire(std::size_t source) { return sources_[source]->wire; }
  /// Records that a run of the source begins. Times are unix milliseconds.
  void Begun(std::size_t source, std::int64_t now_ms);
  /// Records the result of a run. `seconds`: its duration; `now_ms`: its end.
  void Ended(std::size_t source, const CycleReport& report, double seconds, std::int64_t now_ms);

  /// Returns the page in Prometheus' text format.
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
    std::array<std::atomic<std::uint64_t>, kResults> tables{};  ///< By result; busy or paused runs keep it.
    std::atomic<std::uint64_t> differing{0};
    Counter applied, conflicts, refusals;           ///< Deliveries.
    std::atomic<bool> exchanges{false};             ///< A run has asked for deliveries.
    std::atomic<std::uint64_t> refused{0};          ///< Refused in the last such run, or not due yet.
    std::atomic<std::int64_t> waiting_since_ms{0};  ///< Since when the hub gives none; 0: it does.
    mutable Mutex mutex;
    LogFigures log MIRROR_GUARDED_BY(mutex);  ///< Figures of the last run that read a log.
  };

  /// Returns the sources to show, at most kSourcesShownMax. Sources whose last good run is the oldest come
  /// first, because they are the most likely to have a problem.
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
