#ifndef MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_METER_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_METER_H_

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/mutex.h"

namespace mirror::harness {

/// Value at `share` (0 to 1) of the sorted values; 0 without any.
double Percentile(std::vector<double> values, double share);

/// Counts what the tenants' threads do and shows it on a terminal. Thread safety: all calls, from any thread.
class Meter {
 public:
  using Clock = std::chrono::steady_clock;

  /// `rows_expected`: 0 when nobody knows.
  explicit Meter(std::uint64_t rows_expected);

  /// A request with rows was answered. A call is a request and its answer, in a stream too.
  void Answered(std::uint64_t rows, std::uint64_t bytes, Clock::duration took);
  /// A population, or a cycle after it, was completed.
  void Population(Clock::duration took);
  void Cycle(Clock::duration took);
  /// A part of a cycle after the population: what a quiet cycle waits for.
  enum class Part { kAuthenticate, kTableSchema, kRows, kCompleted };
  void CyclePart(Part part, Clock::duration took);
  /// For people, on stderr, on a line of its own.
  void Say(const std::string& line);
  /// Takes the progress line off the terminal.
  void Quiet();

  struct Totals {
    std::uint64_t rows = 0, bytes = 0;
    std::vector<double> call_ms, population_ms, cycle_ms;
    std::array<std::vector<double>, 4> part_ms;  ///< By Part.
  };
  Totals totals() const;

 private:
  void Show() MIRROR_REQUIRES(mutex_);

  const std::uint64_t rows_expected_;
  const bool terminal_;
  const Clock::time_point start_;
  mutable Mutex mutex_;
  Totals totals_ MIRROR_GUARDED_BY(mutex_);
  Clock::time_point shown_ MIRROR_GUARDED_BY(mutex_);
  bool line_open_ MIRROR_GUARDED_BY(mutex_) = false;
};

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_METER_H_
