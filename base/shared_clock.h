#ifndef MIRROR_BASE_SHARED_CLOCK_H_
#define MIRROR_BASE_SHARED_CLOCK_H_

#include <cstdint>

namespace mirror {

// One clock for several processes, each of which may have a wrong one.

/// How far ahead of the shared clock a time may be that some process stored, in milliseconds. A time further
/// ahead was written by a process with a wrong clock: it does not count.
inline constexpr std::int64_t kStoredAheadMaxMs = 300'000;

/// Says what the shared clock shows now, unix milliseconds.
void SetSharedClock(std::int64_t theirs_ms);

/// Unix milliseconds by the shared clock as it was set last, carried on by this machine's monotonic clock. As
/// NowMs() where it never was set.
std::int64_t SharedNowMs();

}  // namespace mirror

#endif  // MIRROR_BASE_SHARED_CLOCK_H_
