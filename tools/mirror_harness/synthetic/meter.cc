#include "tools/mirror_harness/synthetic/meter.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"

namespace mirror::harness {
namespace {

constexpr std::chrono::milliseconds kShowEvery(300);

double Milliseconds(Meter::Clock::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

constexpr std::chrono::seconds kBetweenLooks(1);
constexpr std::string_view kServer = "mirror-server";
constexpr std::uint64_t kMemorySlack = 16 << 20, kDescriptorSlack = 8;

std::optional<Holding> HeldBy(pid_t process) {
  const std::string folder = absl::StrCat("/proc/", process);
  std::ifstream statm(folder + "/statm");
  std::uint64_t all = 0, resident = 0;
  if (!(statm >> all >> resident)) return std::nullopt;
  Holding holding;
  holding.memory_bytes = resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(folder + "/fd", error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    ++holding.descriptors;
  }
  if (error) return std::nullopt;
  return holding;
}

}  // namespace

double Percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const auto at = static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5);
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

Meter::Meter(std::uint64_t rows_expected)
    : rows_expected_(rows_expected),
      terminal_(isatty(STDERR_FILENO) != 0),
      start_(Clock::now()),
      shown_(start_) {}

void Meter::Answered(std::uint64_t rows, std::uint64_t bytes, Clock::duration took) {
  const MutexLock lock(mutex_);
  totals_.rows += rows;
  totals_.bytes += bytes;
  totals_.call_ms.push_back(Milliseconds(took));
  Show();
}

void Meter::Population(Clock::duration took) {
  const MutexLock lock(mutex_);
  totals_.population_ms.push_back(Milliseconds(took));
}

void Meter::CyclePart(Part part, Clock::duration took) {
  const MutexLock lock(mutex_);
  totals_.part_ms[static_cast<std::size_t>(part)].push_back(Milliseconds(took));
}

void Meter::Cycle(Clock::duration took) {
  const MutexLock lock(mutex_);
  totals_.cycle_ms.push_back(Milliseconds(took));
  Show();
}

void Meter::Show() {
  const Clock::time_point now = Clock::now();
  if (!terminal_ || now - shown_ < kShowEvery) return;
  shown_ = now;
  line_open_ = true;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  std::fprintf(stderr, "\r\033[K%llu", static_cast<unsigned long long>(totals_.rows));
  if (rows_expected_ > 0) std::fprintf(stderr, " of %llu", static_cast<unsigned long long>(rows_expected_));
  std::fprintf(stderr, " rows, %zu cycles, %.0f s", totals_.cycle_ms.size(), seconds);
  std::fflush(stderr);
}

void Meter::Say(const std::string& line) {
  const MutexLock lock(mutex_);
  std::fprintf(stderr, "%s%s\n", line_open_ ? "\r\033[K" : "", line.c_str());
  line_open_ = false;
}

void Meter::Quiet() {
  const MutexLock lock(mutex_);
  if (line_open_) std::fprintf(stderr, "\r\033[K");
  line_open_ = false;
}

Meter::Totals Meter::totals() const {
  const MutexLock lock(mutex_);
  return totals_;
}

bool SoakResult::Constant() const {
  return end.memory_bytes <= warm.memory_bytes + warm.memory_bytes / 10 + kMemorySlack &&
         end.descriptors <= warm.descriptors + kDescriptorSlack;
}

absl::Status ProcessWatch::Check(pid_t process) {
  std::string name;
  std::getline(std::ifstream(absl::StrCat("/proc/", process, "/comm")), name);
  if (!name.empty() && name != kServer) {
    return absl::InvalidArgumentError(absl::StrCat("process ", process, " is '", name, "' and not '",
                                                   std::string(kServer), "'. Nothing was sent"));
  }
  if (HeldBy(process)) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat(
      "there is no process ", process, ", or it is another user's. Nothing was sent. Give the server's pid"));
}

ProcessWatch::ProcessWatch(pid_t process, Clock::duration length)
    : process_(process), warm_at_(Clock::now() + length / 4) {
  looking_ = std::jthread([this](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      Look();
      SleepFor(kBetweenLooks, stop);
    }
  });
}

ProcessWatch::~ProcessWatch() = default;

void ProcessWatch::Look() {
  const std::optional<Holding> now = HeldBy(process_);
  if (!now) return;
  const MutexLock lock(mutex_);
  if (!warm_) result_.warm = *now;
  warm_ = warm_ || Clock::now() >= warm_at_;
  result_.end = *now;
  result_.most.memory_bytes = std::max(result_.most.memory_bytes, now->memory_bytes);
  result_.most.descriptors = std::max(result_.most.descriptors, now->descriptors);
}

SoakResult ProcessWatch::Result() const {
  const MutexLock lock(mutex_);
  return result_;
}

}  // namespace mirror::harness
