#ifndef MIRROR_SERVER_WATCH_TIME_SERIES_H_
#define MIRROR_SERVER_WATCH_TIME_SERIES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"

namespace mirror {

/// Values of one minute. Whole numbers above 2,047 are rounded
/// to eleven binary digits: their error is at most 0.05 %.
struct Minute {
  std::uint64_t rows = 0;      ///< Rows that were applied.
  std::int64_t lag_s = -1;     ///< Age of the oldest table at the minute's end, seconds; -1: unknown.
  std::int64_t cycle_ms = -1;  ///< The longest cycle that ended in the minute; -1: none did.
  friend bool operator==(const Minute&, const Minute&) = default;
};

/// The last 24 hours by minute. A minute in which nothing happened takes no memory, because only the age of
/// the data grew by a minute. Any other minute takes 8 bytes: at most 12.5 KB for a series, and 125 MB for
/// 10,000 series with activity in each minute. With a cycle every five minutes it is 2.8 KB and 28 MB.
/// Minutes are unix time. A value; threads: one.
class MinuteSeries {
 public:
  static constexpr std::int64_t kMinutes = 1'440;

  /// Adds a finished minute. A minute that was added before is not changed. If the clock was set back by more
  /// than ten minutes, the series begins again.
  void Add(std::int64_t minute, const Minute& what);
  /// Returns `count` minutes from `first` on; an unknown one is a Minute{}.
  std::vector<Minute> From(std::int64_t first, std::size_t count) const;
  std::size_t bytes() const { return entries_.capacity() * sizeof(Entry); }

 private:
  struct Entry {
    std::uint16_t minute = 0;  ///< The lowest 16 bits of the minute: 65,536 minutes are 45 days.
    std::uint16_t rows = 0, lag_s = 0, cycle_ms = 0;
  };
  std::int64_t MinuteOf(const Entry& entry) const;
  void Push(const Entry& entry);
  void ForgetOld(std::int64_t minute);

  std::vector<Entry> entries_;  ///< Oldest first.
  std::int64_t last_ = -1;      ///< The newest minute that was added.
  std::int64_t told_ = -1;      ///< Minute of the newest entry; `lag_s_` is its lag before rounding.
  std::int64_t lag_s_ = -1;
};

/// The last 24 hours by minute of each tenant, and of all tenants together, as this process saw them.
/// Kept in memory only. See MinuteSeries for the size. Threads: any; one of them calls Look().
class TimeSeries {
 public:
  /// Current values of a tenant.
  struct Seen {
    std::string_view context_id;
    std::uint64_t rows = 0;           ///< Rows applied since the start.
    std::int64_t source_ms = 0;       ///< Source time of its oldest table; 0: unknown.
    std::int64_t cycle_ended_ms = 0;  ///< End of its last cycle; 0: none ended.
    std::int64_t cycle_ms = 0;        ///< Duration of that cycle.
    bool paused = false;              ///< Its lag is left out of the lag of all tenants.
  };
  /// Finishes the minutes that are over at `now_ms`, unix time. Called at intervals, with all tenants.
  void Look(const std::vector<Seen>& tenants, std::int64_t now_ms);

  /// All minutes of the last 24 hours that are over.
  struct Shown {
    std::int64_t begin_ms = 0;
    std::vector<Minute> minutes;
  };
  /// An empty `context_id` means all tenants together: the sum of rows, the largest lag of tenants
  /// that are not paused, the longest cycle. For an unknown tenant every minute is unknown.
  Shown Of(const std::string& context_id, std::int64_t now_ms) const;

 private:
  struct Tracked {
    MinuteSeries series;
    std::uint64_t rows = 0;  ///< Value when the minute began.
    std::int64_t cycle_ended_ms = 0;
    std::int64_t cycle_ms = -1;  ///< The longest cycle of this minute.
    bool there = false;
  };
  void EndMinute(const std::vector<Seen>& tenants, std::int64_t now_ms) MIRROR_REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::map<std::string, Tracked, std::less<>> tenants_ MIRROR_GUARDED_BY(mutex_);
  MinuteSeries all_ MIRROR_GUARDED_BY(mutex_);
  std::int64_t minute_ MIRROR_GUARDED_BY(mutex_) = -1;  ///< The current minute.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_WATCH_TIME_SERIES_H_
