#ifndef MIRROR_BASE_EXPOSITION_METRIC_PAGE_H_
#define MIRROR_BASE_EXPOSITION_METRIC_PAGE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/exposition/counters.h"

namespace mirror {

/// {label, value} pairs.
using MetricLabels = std::vector<std::pair<std::string, std::string>>;

/// What a scrape gets: metrics by name, in the order in which each name was first added. `help` is a sentence
/// with the unit; that of the first call counts. A name keeps the type that it was first added with.
/// Threads: none.
class MetricPage {
 public:
  MetricPage();
  ~MetricPage();
  MetricPage(const MetricPage&) = delete;
  MetricPage& operator=(const MetricPage&) = delete;

  /// For something that only grows; `name` ends in _total.
  void AddCounter(const std::string& name, const std::string& help, const MetricLabels& labels, double value);
  void AddGauge(const std::string& name, const std::string& help, const MetricLabels& labels, double value);
  /// Seconds.
  void AddHistogram(const std::string& name, const std::string& help, const MetricLabels& labels,
                    const Timings& timings);
  /// All of them as one.
  void AddHistogram(const std::string& name, const std::string& help, const MetricLabels& labels,
                    const std::vector<const Timings*>& timings);
  /// What every process shows: descriptors, memory, processor time, its start; and our version.
  void AddProcess();

  /// In Prometheus' text format.
  std::string Text() const;
  static const char* ContentType() { return "text/plain; version=0.0.4; charset=utf-8"; }

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace mirror

#endif  // MIRROR_BASE_EXPOSITION_METRIC_PAGE_H_
