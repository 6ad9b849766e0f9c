#ifndef MIRROR_CLIENT_SCHEDULE_H_
#define MIRROR_CLIENT_SCHEDULE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "client/config.h"

namespace mirror {

/// The first wait after a run that failed; each further failure doubles it, up to the interval.
inline constexpr std::chrono::milliseconds kFirstRetry(5'000);
/// A retry is moved by up to this part of its wait, so that many sources do not come at once.
inline constexpr double kJitter = 0.2;

/// When the runs of one source begin. Times are those of the local clock. Threads: one.
class Schedule {
 public:
  using Time = std::chrono::system_clock::time_point;

  /// `random` gives numbers from 0 to 1.
  Schedule(std::chrono::milliseconds interval, std::vector<QuietHours> quiet, std::function<double()> random);

  /// Not in quiet hours.
  Time First(Time now) const { return AfterQuiet(now); }
  /// After a run: `interval` after its begin; after a failed one sooner, and later each time.
  Time Next(Time begun, Time ended, bool good);

 private:
  Time AfterQuiet(Time time) const;

  const std::chrono::milliseconds interval_;
  const std::vector<QuietHours> quiet_;
  const std::function<double()> random_;
  int failures_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SCHEDULE_H_
