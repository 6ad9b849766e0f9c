#include "client/command/schedule.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "base/human_text.h"

namespace mirror {
namespace {

/// More doublings exceed any interval.
constexpr int kDoublingsMax = 20;

std::tm LocalClock(Schedule::Time time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm local = {};
  localtime_r(&seconds, &local);
  return local;
}

int MinuteOfDay(const std::tm& local) { return local.tm_hour * 60 + local.tm_min; }

/// Returns when the local clock shows this minute next; a night with a clock change has another length.
Schedule::Time NextAt(Schedule::Time time, int minute) {
  std::tm local = LocalClock(time);
  const int left = (minute - MinuteOfDay(local)) * 60 - local.tm_sec;
  if (minute <= MinuteOfDay(local)) ++local.tm_mday;
  local.tm_hour = minute / 60;
  local.tm_min = minute % 60;
  local.tm_sec = 0;
  local.tm_isdst = -1;
  const Schedule::Time next = std::chrono::system_clock::from_time_t(std::mktime(&local));
  constexpr int kDay = 24 * 60 * 60;
  // If a minute occurs twice, mktime() may give the first one, which may have passed.
  return next > time ? next : time + std::chrono::seconds((left + kDay) % kDay);
}

}  // namespace

std::chrono::milliseconds FirstWait(std::size_t number, std::size_t sources,
                                    std::chrono::milliseconds interval) {
  if (sources < 2) return std::chrono::milliseconds(0);
  const auto count = static_cast<std::int64_t>(sources);
  return std::min<std::chrono::milliseconds>(kStartStep, interval / count) *
         static_cast<std::int64_t>(number);
}

std::string UtcTime(Schedule::Time time) {
  return FormatUnixTime(std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count());
}

Schedule::Schedule(std::chrono::milliseconds interval, std::vector<QuietHours> quiet,
                   std::function<double()> random, std::optional<CronRule> cron)
    : interval_(interval), quiet_(std::move(quiet)), random_(std::move(random)), cron_(std::move(cron)) {}

Schedule::Time Schedule::First(Time now, bool was_good) const {
  return cron_ && was_good ? Regular(now, now) : AfterQuiet(now);
}

Schedule::Time Schedule::Regular(Time begun, Time ended) const {
  // The configuration rejects days that never come: no next time means that the system has no local time.
  constexpr std::chrono::hours kDay(24);
  if (cron_) return AfterQuiet(cron_->Next(ended).value_or(ended + kDay));
  return AfterQuiet(std::max(std::min(begun, ended) + interval_, ended));
}

Schedule::Time Schedule::Soon(Time ended) const {
  constexpr std::chrono::milliseconds kSpread(25'000);
  const double wait = static_cast<double>(kSpread.count()) * random_();
  return AfterQuiet(ended + kFirstRetry + std::chrono::milliseconds(static_cast<std::int64_t>(wait)));
}

Schedule::Time Schedule::Next(Time begun, Time ended, bool good) {
  if (good) {
    failures_ = 0;
    return Regular(begun, ended);
  }
  const int doublings = std::min(failures_++, kDoublingsMax);
  const std::chrono::milliseconds wait =
      std::min<std::chrono::milliseconds>(interval_, kFirstRetry * (1LL << doublings));
  const double moved = static_cast<double>(wait.count()) * (1 + kJitter * (2 * random_() - 1));
  const Time retry = AfterQuiet(ended + std::chrono::milliseconds(static_cast<std::int64_t>(moved)));
  return cron_ ? std::min(retry, Regular(begun, ended)) : retry;
}

Schedule::Time Schedule::AfterQuiet(Time time) const {
  // One period may end inside another one.
  for (std::size_t i = 0; i <= quiet_.size(); ++i) {
    const int minute = MinuteOfDay(LocalClock(time));
    const auto inside = std::find_if(quiet_.begin(), quiet_.end(),
                                     [&](const QuietHours& quiet) { return quiet.Holds(minute); });
    if (inside == quiet_.end()) return time;
    time = NextAt(time, inside->to);
  }
  return time;
}

bool Turns::Take(const std::stop_token& stop) {
  const MutexLock lock(mutex_);
  const std::uint64_t number = drawn_++;
  // A stopped caller leaves its number unserved: all others are stopped, too.
  const auto my_turn = [&]() MIRROR_REQUIRES(mutex_) { return served_ == number && taken_ < at_once_; };
  if (!moved_.Wait(mutex_, stop, my_turn)) return false;
  ++served_;
  ++taken_;
  moved_.NotifyAll();
  return true;
}

void Turns::GiveBack() {
  {
    const MutexLock lock(mutex_);
    --taken_;
  }
  moved_.NotifyAll();
}

}  // namespace mirror
