#ifndef MIRROR_BASE_CLOCK_H_
#define MIRROR_BASE_CLOCK_H_

#include <chrono>
#include <cstdint>

namespace mirror {

/// Returns unix milliseconds.
inline std::int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace mirror

#endif  // MIRROR_BASE_CLOCK_H_
