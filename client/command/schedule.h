#ifndef MIRROR_CLIENT_COMMAND_SCHEDULE_H_
#define MIRROR_CLIENT_COMMAND_SCHEDULE_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "client/config/config.h"
#include "client/config/cron_rule.h"

namespace mirror {

/// The first wait after a run that failed; each further failure doubles it, up to the interval.
inline constexpr std::chrono::milliseconds kFirstRetry(5'000);
/// A retry's wait is changed at random by up to this fraction, so that many sources do not retry together.
inline constexpr double kJitter = 0.2;
/// Time between the first runs of two sources.
inline constexpr std::chrono::milliseconds kStartStep(250);

/// Decides when the runs of one source begin. Times are those of the local clock. Threads: one.
class Schedule {
 public:
  using Time = std::chrono::system_clock::time_point;

  /// Uses `cron` if it is set; `interval` then only limits the
  /// wait for a retry. `random` returns numbers from 0 to 1.
  Schedule(std::chrono::milliseconds interval, std::vector<QuietHours> quiet, std::function<double()> random,
           std::optional<CronRule> cron = std::nullopt);

  /// The first run begins at once, but not in quiet hours. With cron it begins at the next
  /// time if the last run was good: a time missed while no agent ran is not made up for.
  Time First(Time now, bool was_good = false) const;
  /// After a good run: see Regular(). After a failed run: earlier, but later with each further failure.
  Time Next(Time begun, Time ended, bool good);
  /// After a good run: `interval` after its begin, or the next time of `cron` after its end. A time
  /// in quiet hours moves to their end. If the end is before the begin, the clock was set back.
  Time Regular(Time begun, Time ended) const;
  /// Returns when a followed source is tried again after a cycle that did not complete: 5 to 30 s after its
  /// end, at random, but not in quiet hours.
  Time Soon(Time ended) const;
  bool IsQuiet(Time time) const { return AfterQuiet(time) != time; }

 private:
  Time AfterQuiet(Time time) const;

  const std::chrono::milliseconds interval_;
  const std::vector<QuietHours> quiet_;
  const std::function<double()> random_;
  const std::optional<CronRule> cron_;
  int failures_ = 0;
};

/// Waits for a time of a clock that may be set meanwhile. If it is set forward, the wait
/// ends at the clock's time; if it is set back, after the originally planned duration.
class Wait {
 public:
  using Steady = std::chrono::steady_clock::time_point;
  Wait(Schedule::Time until, Schedule::Time now, Steady steady)
      : until_(until), end_(steady + (until - now)) {}
  /// 0: the wait is over.
  std::chrono::nanoseconds Left(Schedule::Time now, Steady steady) const {
    return std::max<std::chrono::nanoseconds>(
        {std::min<std::chrono::nanoseconds>(until_ - now, end_ - steady), std::chrono::nanoseconds(0)});
  }

 private:
  const Schedule::Time until_;
  const Steady end_;
};

/// Returns how long source `number` (from 0) of `sources` waits before its first run. So the runs of many
/// sources do not begin in the same second, now or later. The last source waits less than one interval.
std::chrono::milliseconds FirstWait(std::size_t number, std::size_t sources,
                                    std::chrono::milliseconds interval);

/// Returns 2026-11-20T06:30:00Z, whatever the time zone of the machine and its cron rules.
std::string UtcTime(Schedule::Time time);

/// Limits how many callers work at once, first come, first served. Threads: any.
class Turns {
 public:
  explicit Turns(std::size_t at_once) : at_once_(at_once) {}

  /// Waits for a turn. False: a stop was requested first.
  bool Take(const std::stop_token& stop);
  void GiveBack();

 private:
  const std::size_t at_once_;
  Mutex mutex_;
  StopCondVar moved_;
  std::uint64_t drawn_ MIRROR_GUARDED_BY(mutex_) = 0;   ///< Numbers handed out so far.
  std::uint64_t served_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< The number that is next.
  std::size_t taken_ MIRROR_GUARDED_BY(mutex_) = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_COMMAND_SCHEDULE_H_
