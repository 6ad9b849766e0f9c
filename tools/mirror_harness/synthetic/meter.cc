#include "tools/mirror_harness/synthetic/meter.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace mirror::harness {
namespace {

constexpr std::chrono::milliseconds kShowEvery(300);

double Milliseconds(Meter::Clock::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
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

}  // namespace mirror::harness
