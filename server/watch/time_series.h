#ifndef MIRROR_SERVER_WATCH_TIME_SERIES_H_
#define MIRROR_SERVER_WATCH_TIME_SERIES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "server/watch/minute_series.h"

namespace mirror {

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
