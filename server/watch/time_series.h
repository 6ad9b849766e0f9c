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

/// What one minute was like. Whole numbers above 2,047 are rounded to eleven binary digits: they are right to
/// 0.05 %.
struct Minute {
  std::uint64_t rows = 0;      ///< That were applied.
  std::int64_t lag_s = -1;     ///< Age of the oldest table at its end, seconds; -1: not known.
  std::int64_t cycle_ms = -1;  ///< The longest cycle that ended in it; -1: none did.
  friend bool operator==(const Minute&, const Minute&) = default;
};

/// The last 24 hours by minute. A minute in which nothing happened takes no room: the data only became a
/// minute older. 8 bytes for each of the others, so at most 12.5 KB, and 125 MB for 10,000 series in each of
/// whose minutes something happens; with a cycle every five minutes 2.8 KB and 28 MB.
/// Minutes are unix time. A value; threads: one.
class MinuteSeries {
 public:
  static constexpr std::int64_t kMinutes = 1'440;

  /// Of one that is over. One that was added is left as it is; a clock that was set back by more than ten
  /// minutes begins anew.
  void Add(std::int64_t minute, const Minute& what);
  /// `count` of them from `first` on; what is not known is a Minute{}.
  std::vector<Minute> From(std::int64_t first, std::size_t count) const;
  std::size_t bytes() const { return entries_.capacity() * sizeof(Entry); }

 private:
  struct Entry {
    std::uint16_t minute = 0;  ///< Its lowest bits: 65,536 minutes are 45 days.
    std::uint16_t rows = 0, lag_s = 0, cycle_ms = 0;
  };
  std::int64_t MinuteOf(const Entry& entry) const;
  void Push(const Entry& entry);
  void ForgetOld(std::int64_t minute);

  std::vector<Entry> entries_;  ///< The newest last.
  std::int64_t last_ = -1;      ///< The newest minute that was added.
  std::int64_t told_ = -1;      ///< That of the newest entry, and its lag as it was given.
  std::int64_t lag_s_ = -1;
};

/// The last 24 hours by minute of each tenant, and of all of them together: as this process saw them, in
/// memory alone. See MinuteSeries for its size. Threads: any, one of them looks.
class TimeSeries {
 public:
  /// What is known of a tenant.
  struct Seen {
    std::string_view context_id;
    std::uint64_t rows = 0;           ///< Applied since the start.
    std::int64_t source_ms = 0;       ///< As of when its oldest table is; 0: not known.
    std::int64_t cycle_ended_ms = 0;  ///< Of its last cycle; 0: none ended.
    std::int64_t cycle_ms = 0;        ///< How long that one took.
    bool paused = false;              ///< It does not count for how old all of them are.
  };
  /// Once in a while, of all tenants that there are: ends the minutes that are over at `now_ms`, unix time.
  void Look(const std::vector<Seen>& tenants, std::int64_t now_ms);

  /// All minutes of the last 24 hours that are over.
  struct Shown {
    std::int64_t begin_ms = 0;
    std::vector<Minute> minutes;
  };
  /// An empty `context_id`: all tenants together: their rows, the oldest of those that are not paused, the
  /// longest cycle. Of one that is not known every minute is.
  Shown Of(const std::string& context_id, std::int64_t now_ms) const;

 private:
  struct Tracked {
    MinuteSeries series;
    std::uint64_t rows = 0;  ///< When the minute began.
    std::int64_t cycle_ended_ms = 0;
    std::int64_t cycle_ms = -1;  ///< The longest of this minute.
    bool there = false;
  };
  void EndMinute(const std::vector<Seen>& tenants, std::int64_t now_ms) MIRROR_REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::map<std::string, Tracked, std::less<>> tenants_ MIRROR_GUARDED_BY(mutex_);
  MinuteSeries all_ MIRROR_GUARDED_BY(mutex_);
  std::int64_t minute_ MIRROR_GUARDED_BY(mutex_) = -1;  ///< That runs.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_WATCH_TIME_SERIES_H_
