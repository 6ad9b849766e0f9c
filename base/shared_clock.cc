#include "base/shared_clock.h"

#include <atomic>
#include <chrono>
#include <limits>

#include "base/clock.h"

namespace mirror {
namespace {

constexpr std::int64_t kUnset = std::numeric_limits<std::int64_t>::min();

/// The difference between the shared clock and the monotonic one.
std::atomic<std::int64_t> g_offset_ms{kUnset};

std::int64_t MonotonicMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

void SetSharedClock(std::int64_t theirs_ms) { g_offset_ms = theirs_ms - MonotonicMs(); }

std::int64_t SharedNowMs() {
  const std::int64_t offset_ms = g_offset_ms;
  return offset_ms == kUnset ? NowMs() : MonotonicMs() + offset_ms;
}

}  // namespace mirror
