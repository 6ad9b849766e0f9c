#include "base/http/metric_page.h"

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

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/text/config_node.h"

MIRROR_EMBEDDED(process_metrics);

namespace mirror {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricType;

/// Approximate start of this process, because static objects are made when it starts.
const std::chrono::system_clock::time_point kStarted = std::chrono::system_clock::now();

std::size_t OpenDescriptors() {
  std::size_t count = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end; !error && entry != end;
       entry.increment(error)) {
    ++count;
  }
  return count == 0 ? 0 : count - 1;  // The count includes this function's own descriptor.
}

/// Returns bytes; 0: the system does not report it.
double ResidentBytes() {
  std::uint64_t size = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

MetricAbout AboutOf(const ConfigNode& row) {
  const ConfigNode* const help = row.Find("help");
  std::string sentence = absl::StrCat((help == nullptr ? row.Find("text") : help)->text, ".");
  sentence.front() = absl::ascii_toupper(static_cast<unsigned char>(sentence.front()));
  return {row.Find("type")->text, sentence};
}

MetricType TypeOf(const std::string& word) {
  if (word == "counter") return MetricType::Counter;
  return word == "histogram" ? MetricType::Histogram : MetricType::Gauge;
}

}  // namespace

MetricsAbout DescribedMetrics(const EmbeddedFile* own) {
  MetricsAbout about;
  for (const EmbeddedFile* const file :
       {static_cast<const EmbeddedFile*>(mirror_embedded_process_metrics), own}) {
    for (const ConfigNode& row : DescribedRows(*file)) about[row.Find("name")->text] = AboutOf(row);
  }
  return about;
}

struct MetricPage::Families {
  explicit Families(const MetricsAbout& described) : about(described) {}

  const MetricsAbout& about;
  std::vector<prometheus::MetricFamily> all;
  std::map<std::string, std::size_t> by_name;

  prometheus::MetricFamily& FamilyOf(const std::string& name) {
    const auto [at, fresh] = by_name.try_emplace(name, all.size());
    if (fresh) {
      const auto found = about.find(name);
      const MetricAbout said = found == about.end() ? MetricAbout{} : found->second;
      all.push_back({name, said.help, TypeOf(said.type), {}});
    }
    return all[at->second];
  }
  static ClientMetric& AddTo(prometheus::MetricFamily& family, const MetricLabels& labels) {
    ClientMetric& metric = family.metric.emplace_back();
    for (const auto& [label, value] : labels) metric.label.push_back({label, value});
    return metric;
  }
};

MetricPage::MetricPage(const MetricsAbout& about) : families_(std::make_unique<Families>(about)) {}
MetricPage::~MetricPage() = default;

void MetricPage::AddValue(const std::string& name, const MetricLabels& labels, double value) {
  prometheus::MetricFamily& family = families_->FamilyOf(name);
  ClientMetric& metric = Families::AddTo(family, labels);
  (family.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
}

void MetricPage::AddHistogram(const std::string& name, const MetricLabels& labels, const Timings& timings) {
  AddHistogram(name, labels, std::vector<const Timings*>{&timings});
}

void MetricPage::AddHistogram(const std::string& name, const MetricLabels& labels,
                              const std::vector<const Timings*>& timings) {
  ClientMetric::Histogram& histogram = Families::AddTo(families_->FamilyOf(name), labels).histogram;
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
  Add("mirror_build_info", {{"version", MIRROR_VERSION}}, 1);
  Add("process_start_time_seconds", {}, std::chrono::duration<double>(kStarted.time_since_epoch()).count());
  Add("process_open_fds", {}, OpenDescriptors());
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    Add("process_max_fds", {}, limit.rlim_cur);
  }
  Add("process_resident_memory_bytes", {}, ResidentBytes());
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    Add("process_cpu_seconds_total", {}, Seconds(usage.ru_utime) + Seconds(usage.ru_stime));
  }
}

std::string MetricPage::Text() const { return prometheus::TextSerializer().Serialize(families_->all); }

}  // namespace mirror
