#ifndef MIRROR_BASE_HTTP_METRIC_PAGE_H_
#define MIRROR_BASE_HTTP_METRIC_PAGE_H_

#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/embedded_file.h"
#include "base/http/counters.h"

namespace mirror {

/// {label, value} pairs.
using MetricLabels = std::vector<std::pair<std::string, std::string>>;

/// The description of a metric: its type ("counter", "gauge" or "histogram") and a sentence.
struct MetricAbout {
  std::string type, help;
};
/// Keyed by name.
using MetricsAbout = std::map<std::string, MetricAbout>;

/// Returns the descriptions of the metrics that every process has, and of a program's own metrics. `own` has
/// the form of base/http/metrics.toml.
MetricsAbout DescribedMetrics(const EmbeddedFile* own);

/// The page that a scrape returns: metrics by name, in the order in which each name was first added.
/// Threads: none.
class MetricPage {
 public:
  /// `about` must outlive this. A metric that is not in `about` is a gauge without a description.
  explicit MetricPage(const MetricsAbout& about);
  ~MetricPage();
  MetricPage(const MetricPage&) = delete;
  MetricPage& operator=(const MetricPage&) = delete;

  /// Adds a counter or a gauge.
  template <typename Number>
  requires std::is_arithmetic_v<Number>
  void Add(const std::string& name, const MetricLabels& labels, Number value) {
    AddValue(name, labels, static_cast<double>(value));
  }
  void Add(const std::string& name, const MetricLabels& labels, const Counter& counter) {
    Add(name, labels, counter.value());
  }
  /// Adds a histogram in seconds.
  void AddHistogram(const std::string& name, const MetricLabels& labels, const Timings& timings);
  /// Adds the sum of several histograms as one histogram.
  void AddHistogram(const std::string& name, const MetricLabels& labels,
                    const std::vector<const Timings*>& timings);
  /// Adds the metrics that every process has: descriptors, memory, processor time, time of the start, and our
  /// version.
  void AddProcess();

  /// Returns the page in Prometheus' text format.
  std::string Text() const;
  static const char* ContentType() { return "text/plain; version=0.0.4; charset=utf-8"; }

 private:
  struct Families;
  void AddValue(const std::string& name, const MetricLabels& labels, double value);

  std::unique_ptr<Families> families_;
};

}  // namespace mirror

#endif  // MIRROR_BASE_HTTP_METRIC_PAGE_H_
