#ifndef MIRROR_TOOLS_BENCHMARKS_STOPWATCH_H_
#define MIRROR_TOOLS_BENCHMARKS_STOPWATCH_H_

#include <chrono>

namespace mirror::bench {

using Clock = std::chrono::steady_clock;

/// Seconds.
inline double Since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace mirror::bench

#endif  // MIRROR_TOOLS_BENCHMARKS_STOPWATCH_H_
