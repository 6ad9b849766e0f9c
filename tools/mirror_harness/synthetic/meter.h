#ifndef MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_METER_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_METER_H_

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "base/mutex.h"

namespace mirror::harness {

/// Returns the value at `share` (0 to 1) of the sorted values; 0 if there are none.
double Percentile(std::vector<double> values, double share);

/// Counts the work of the tenants' threads and shows it on a terminal. Threads: any.
class Meter {
 public:
  using Clock = std::chrono::steady_clock;

  /// `rows_expected`: 0 if not known.
  explicit Meter(std::uint64_t rows_expected);

  /// Counts an answered request with rows. In a stream, too, a request and its answer count as a call.
  void Answered(std::uint64_t rows, std::uint64_t bytes, Clock::duration took);
  /// Count a completed population, or a completed cycle after it.
  void Population(Clock::duration took);
  void Cycle(Clock::duration took);
  /// The parts of a cycle after the population, whose times are measured.
  enum class Part { kAuthenticate, kTableSchema, kRows, kCompleted };
  void CyclePart(Part part, Clock::duration took);
  /// Prints a message for people on stderr, on a line of its own.
  void Say(const std::string& line);
  /// Removes the progress line from the terminal.
  void Quiet();

  struct Totals {
    std::uint64_t rows = 0, bytes = 0;
    std::vector<double> call_ms, population_ms, cycle_ms;
    std::array<std::vector<double>, 4> part_ms;  ///< Times in milliseconds, indexed by Part.
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

/// The resources of a process at one moment.
struct Holding {
  std::uint64_t memory_bytes = 0;  ///< Resident memory.
  std::uint64_t descriptors = 0;
};

/// Resources of a local process during a soak: from the end of its first quarter, when caches are warm, to
/// its end.
struct SoakResult {
  Holding warm, end, most;
  std::uint64_t cycles = 0;
  /// Returns true if the process did not grow: at the end, memory is above `warm` by at most a tenth plus 16
  /// MB, and descriptors by at most 8.
  bool Constant() const;
};

/// Examines a process once a second. Threads: any.
class ProcessWatch {
 public:
  using Clock = std::chrono::steady_clock;

  /// Checks that a process can be examined. Errors: kNotFound: there is no such process, or it may not be
  /// read; kInvalidArgument: it is no mirror-server. In the constructor, `length` is the duration of the
  /// soak.
  static absl::Status Check(pid_t process);
  ProcessWatch(pid_t process, Clock::duration length);
  ~ProcessWatch();
  ProcessWatch(const ProcessWatch&) = delete;
  ProcessWatch& operator=(const ProcessWatch&) = delete;

  SoakResult Result() const;

 private:
  void Look();

  const pid_t process_;
  const Clock::time_point warm_at_;
  mutable Mutex mutex_;
  SoakResult result_ MIRROR_GUARDED_BY(mutex_);
  bool warm_ MIRROR_GUARDED_BY(mutex_) = false;
  std::jthread looking_;
};

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_METER_H_
