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
/// A retry is moved by up to this part of its wait, so that many sources do not come at once.
inline constexpr double kJitter = 0.2;
/// Between the first runs of two sources.
inline constexpr std::chrono::milliseconds kStartStep(250);

/// When the runs of one source begin. Times are those of the local clock. Threads: one.
class Schedule {
 public:
  using Time = std::chrono::system_clock::time_point;

  /// By `cron` when there is one; `interval` then only bounds the wait for a retry. `random` gives numbers
  /// from 0 to 1.
  Schedule(std::chrono::milliseconds interval, std::vector<QuietHours> quiet, std::function<double()> random,
           std::optional<CronRule> cron = std::nullopt);

  /// At once, but not in quiet hours. By cron at its next time, once a run was good: one that was missed
  /// while nobody was there is not made up for.
  Time First(Time now, bool was_good = false) const;
  /// After a run: see Regular(); after a failed one sooner, and later each time.
  Time Next(Time begun, Time ended, bool good);
  /// After a good run: `interval` after its begin, or the next time of `cron` after its end. A time in quiet
  /// hours is put off to their end. A run that ended before it began had the clock set back.
  Time Regular(Time begun, Time ended) const;

 private:
  Time AfterQuiet(Time time) const;

  const std::chrono::milliseconds interval_;
  const std::vector<QuietHours> quiet_;
  const std::function<double()> random_;
  const std::optional<CronRule> cron_;
  int failures_ = 0;
};

/// A wait for a time of the clock that may be moved meanwhile. Set forward, it is over when the clock says
/// so; set back, when as long has passed as was meant.
class Wait {
 public:
  using Steady = std::chrono::steady_clock::time_point;
  Wait(Schedule::Time until, Schedule::Time now, Steady steady)
      : until_(until), end_(steady + (until - now)) {}
  /// 0: it is over.
  std::chrono::nanoseconds Left(Schedule::Time now, Steady steady) const {
    return std::max<std::chrono::nanoseconds>(
        {std::min<std::chrono::nanoseconds>(until_ - now, end_ - steady), std::chrono::nanoseconds(0)});
  }

 private:
  const Schedule::Time until_;
  const Steady end_;
};

/// How long source `number` (from 0) of `sources` waits before its first run: many do not begin in one
/// second, and keep apart from then on. No longer than an interval in all.
std::chrono::milliseconds FirstWait(std::size_t number, std::size_t sources,
                                    std::chrono::milliseconds interval);

/// 2026-11-20T06:30:00Z, whatever zone the machine and its cron rules are in.
std::string UtcTime(Schedule::Time time);

/// So many at once, and who came first is next. Threads: any.
class Turns {
 public:
  explicit Turns(std::size_t at_once) : at_once_(at_once) {}

  /// Waits for a turn. False: told to stop before it came.
  bool Take(const std::stop_token& stop);
  void GiveBack();

 private:
  const std::size_t at_once_;
  Mutex mutex_;
  StopCondVar moved_;
  std::uint64_t drawn_ MIRROR_GUARDED_BY(mutex_) = 0;   ///< Numbers that were drawn.
  std::uint64_t served_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< The next number that has its turn.
  std::size_t taken_ MIRROR_GUARDED_BY(mutex_) = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_COMMAND_SCHEDULE_H_
