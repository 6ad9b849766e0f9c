#ifndef MIRROR_SERVER_TENANT_MIRROR_CYCLE_PROGRESS_H_
#define MIRROR_SERVER_TENANT_MIRROR_CYCLE_PROGRESS_H_

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/clocks/shared_clock.h"
#include "server/plan/plan.h"
#include "server/tenant/mirror/seen_summary.h"
#include "server/tenant/mirror/tenant_options.h"

namespace mirror {

/// When a cycle last made progress: the time that a call took does not count as idle. What it made at another
/// server stands in the tenant's row alone.
/// Threads: none; used under the tenant's lock.
class CycleProgress {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;

  /// Both outlive it.
  CycleProgress(const TenantOptions& options, SeenSummary& seen) : options_(options), seen_(seen) {}

  /// The cycle that was noted last.
  std::int64_t cycle() const { return cycle_; }
  SteadyTime Now() const { return options_.steady_now(); }
  /// Where a call that came at `came_ms` ends now.
  std::int64_t EndOf(std::int64_t came_ms, SteadyTime began) const {
    return came_ms + std::chrono::duration_cast<std::chrono::milliseconds>(Now() - began).count();
  }
  void Note(std::int64_t cycle, std::int64_t ended_ms) {
    cycle_ = cycle;
    ended_ms_ = ended_ms;
    seen_.NoteProgress(ended_ms);
  }
  /// A time that the mirror's row has, as far as it counts. In a shared mirror a server with a wrong clock
  /// may have written it: far beyond `now_ms` it says nothing. Elsewhere all times are by one clock.
  std::int64_t Counted(std::int64_t stored_ms, std::int64_t now_ms) const {
    return options_.is_shared && stored_ms > now_ms + kStoredAheadMaxMs ? 0 : stored_ms;
  }
  /// The latest time that the mirror has seen, at `now_ms`.
  std::int64_t LatestOf(const TenantRecord& tenant, std::int64_t now_ms) const {
    return std::max(Counted(tenant.clock_ms, now_ms), now_ms);
  }
  /// Until when the nonce of a token is remembered that ends at `expires_ms`. In a shared mirror longer: the
  /// clock of its database may be set back, and a time far ahead does not count.
  std::int64_t NonceEnds(std::int64_t expires_ms) const {
    return options_.is_shared ? expires_ms + kNonceKeptMs : expires_ms;
  }
  bool IsIdle(const TenantRecord& tenant, std::int64_t now_ms) const {
    // What was noted of another cycle says nothing of one in a copy that was put there since.
    const std::int64_t noted_ms = tenant.cycle == cycle_ ? ended_ms_ : 0;
    return now_ms - std::max(Counted(tenant.progress_ms, now_ms), noted_ms) > options_.cycle_idle_ms;
  }

 private:
  /// The longest lifetime of a token, and the leeway, as they are configured by default.
  static constexpr std::int64_t kNonceKeptMs = 31 * 60'000;

  const TenantOptions& options_;
  SeenSummary& seen_;
  std::int64_t cycle_ = 0;
  std::int64_t ended_ms_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_CYCLE_PROGRESS_H_
