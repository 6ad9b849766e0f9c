#ifndef MIRROR_BASE_SHARED_CLOCK_H_
#define MIRROR_BASE_SHARED_CLOCK_H_

#include <cstdint>

namespace mirror {

// One clock for several processes, each of which may have a wrong clock.

/// Greatest difference by which a stored time may be ahead of the shared clock, in milliseconds. A process
/// with a wrong clock wrote a time further ahead: it is ignored.
inline constexpr std::int64_t kStoredAheadMaxMs = 300'000;

/// Sets the shared clock to its time now, unix milliseconds.
void SetSharedClock(std::int64_t theirs_ms);

/// Returns unix milliseconds by the shared clock as set last, advanced by this machine's monotonic clock.
/// Equals NowMs() if it was never set.
std::int64_t SharedNowMs();

}  // namespace mirror

#endif  // MIRROR_BASE_SHARED_CLOCK_H_
