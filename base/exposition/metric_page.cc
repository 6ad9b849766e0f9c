#include "base/exposition/metric_page.h"

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <system_error>

namespace mirror {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricType;

/// When this process began, as far as it matters: static objects are made at its start.
const std::chrono::system_clock::time_point kStarted = std::chrono::system_clock::now();

std::size_t OpenDescriptors() {
  std::size_t count = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end; !error && entry != end;
       entry.increment(error)) {
    ++count;
  }
  return count == 0 ? 0 : count - 1;  // One is this look's own.
}

/// Bytes; 0: the system does not tell.
double ResidentBytes() {
  std::uint64_t size = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

struct MetricPage::Families {
  std::vector<prometheus::MetricFamily> all;
  std::map<std::string, std::size_t> by_name;

  ClientMetric& Add(const std::string& name, const std::string& help, MetricType type,
                    const MetricLabels& labels) {
    const auto [at, fresh] = by_name.try_emplace(name, all.size());
    if (fresh) all.push_back({name, help, type, {}});
    ClientMetric& metric = all[at->second].metric.emplace_back();
    for (const auto& [label, value] : labels) metric.label.push_back({label, value});
    return metric;
  }
};

MetricPage::MetricPage() : families_(std::make_unique<Families>()) {}
MetricPage::~MetricPage() = default;

void MetricPage::AddCounter(const std::string& name, const std::string& help, const MetricLabels& labels,
                            double value) {
  families_->Add(name, help, MetricType::Counter, labels).counter.value = value;
}

void MetricPage::AddGauge(const std::string& name, const std::string& help, const MetricLabels& labels,
                          double value) {
  families_->Add(name, help, MetricType::Gauge, labels).gauge.value = value;
}

void MetricPage::AddHistogram(const std::string& name, const std::string& help, const MetricLabels& labels,
                              const Timings& timings) {
  AddHistogram(name, help, labels, std::vector<const Timings*>{&timings});
}

void MetricPage::AddHistogram(const std::string& name, const std::string& help, const MetricLabels& labels,
                              const std::vector<const Timings*>& timings) {
  ClientMetric::Histogram& histogram = families_->Add(name, help, MetricType::Histogram, labels).histogram;
  std::uint64_t below = 0;
  for (std::size_t i = 0; i <= Timings::kBounds.size(); ++i) {
    for (const Timings* one : timings) below += one->bucket(i);
    const double bound =
        i < Timings::kBounds.size() ? Timings::kBounds[i] : std::numeric_limits<double>::infinity();
    histogram.bucket.push_back({below, bound});
  }
  histogram.sample_count = below;
  for (const Timings* one : timings) histogram.sample_sum += one->seconds();
}

void MetricPage::AddProcess() {
  AddGauge("mirror_build_info", "Always 1; the label is the version.", {{"version", MIRROR_VERSION}}, 1);
  AddGauge("process_start_time_seconds", "Start of the process, unix time in seconds.", {},
           std::chrono::duration<double>(kStarted.time_since_epoch()).count());
  AddGauge("process_open_fds", "File descriptors that are open.", {}, static_cast<double>(OpenDescriptors()));
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    AddGauge("process_max_fds", "File descriptors that may be open at most.", {},
             static_cast<double>(limit.rlim_cur));
  }
  AddGauge("process_resident_memory_bytes", "Memory of the process, bytes.", {}, ResidentBytes());
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    AddCounter("process_cpu_seconds_total", "Processor time of the process, seconds.", {},
               Seconds(usage.ru_utime) + Seconds(usage.ru_stime));
  }
}

std::string MetricPage::Text() const { return prometheus::TextSerializer().Serialize(families_->all); }

}  // namespace mirror
