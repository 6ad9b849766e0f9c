#ifndef MIRROR_BASE_SHARED_CLOCK_H_
#define MIRROR_BASE_SHARED_CLOCK_H_

#include <cstdint>

namespace mirror {

// One clock that several processes share. The clock of each process may be wrong.

/// Greatest number of milliseconds by which a stored time may be ahead of the shared clock. Callers ignore a
/// time that is further ahead, because a process with a wrong clock wrote it.
inline constexpr std::int64_t kStoredAheadMaxMs = 300'000;

/// Sets the shared clock to `theirs_ms`, its present time in unix milliseconds.
void SetSharedClock(std::int64_t theirs_ms);

/// Returns unix milliseconds by the shared clock as set last, advanced by this machine's monotonic clock.
/// Equals NowMs() if it was never set.
std::int64_t SharedNowMs();

}  // namespace mirror

#endif  // MIRROR_BASE_SHARED_CLOCK_H_
