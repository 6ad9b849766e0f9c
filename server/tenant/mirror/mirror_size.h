#ifndef MIRROR_SERVER_TENANT_MIRROR_MIRROR_SIZE_H_
#define MIRROR_SERVER_TENANT_MIRROR_MIRROR_SIZE_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "server/plan/tenant_summary.h"
#include "server/store/store.h"

namespace mirror {

/// Asks a shared mirror for its size, where that is a query: only when the mirror changed since, and no more
/// often than once a minute, unless its rows became far more or far fewer. Threads: none; used under the
/// tenant's lock.
class MirrorSize {
 public:
  /// Renews the size in `summary`, whose other fields are those of now.
  void Renew(Store& store, std::chrono::steady_clock::time_point now, TenantSummary* summary) {
    const std::pair<std::int64_t, std::int64_t> state(summary->rows, summary->lsn);
    const bool is_early = asked_at_ && now - *asked_at_ < kAskAgain && !IsFarFrom(summary->rows);
    if (summary->bytes > 0 && (state_ == state || is_early)) return;
    summary->bytes = store.upkeep().BytesOnDisk();
    state_ = state;
    asked_at_ = now;
  }

 private:
  static constexpr std::chrono::seconds kAskAgain{60};
  static constexpr std::int64_t kFewRows = 100;

  /// A quarter more or fewer than when it was asked, as behind a first population.
  bool IsFarFrom(std::int64_t rows) const {
    const std::int64_t before = state_ ? state_->first : 0;
    const std::int64_t difference = rows > before ? rows - before : before - rows;
    return difference > kFewRows && difference > before / 4;
  }

  std::optional<std::pair<std::int64_t, std::int64_t>> state_;  ///< Rows and LSN when it was asked.
  std::optional<std::chrono::steady_clock::time_point> asked_at_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_MIRROR_SIZE_H_
