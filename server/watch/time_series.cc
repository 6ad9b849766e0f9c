#include "server/watch/time_series.h"

#include <algorithm>

namespace mirror {
namespace {

constexpr std::int64_t kMinuteMs = 60'000;

}  // namespace

void TimeSeries::Look(const std::vector<Seen>& tenants, std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  for (const Seen& seen : tenants) {
    auto found = tenants_.find(seen.context_id);
    if (found == tenants_.end()) found = tenants_.emplace(std::string(seen.context_id), Tracked{}).first;
    Tracked& tracked = found->second;
    tracked.there = true;
    if (seen.cycle_ended_ms > tracked.cycle_ended_ms)
      tracked.cycle_ms = std::max(tracked.cycle_ms, seen.cycle_ms);
    tracked.cycle_ended_ms = seen.cycle_ended_ms;
  }
  const std::int64_t minute = now_ms / kMinuteMs;
  if (minute != minute_ && minute_ >= 0) EndMinute(tenants, now_ms);
  minute_ = minute;
}

void TimeSeries::EndMinute(const std::vector<Seen>& tenants, std::int64_t now_ms) {
  Minute all;
  for (const Seen& seen : tenants) {
    Tracked& tracked = tenants_.find(seen.context_id)->second;
    Minute own;
    own.rows = seen.rows > tracked.rows ? seen.rows - tracked.rows : 0;
    if (seen.source_ms > 0) own.lag_s = std::max<std::int64_t>(0, now_ms - seen.source_ms) / 1'000;
    own.cycle_ms = tracked.cycle_ms;
    tracked.series.Add(minute_, own);
    tracked.rows = seen.rows;
    tracked.cycle_ms = -1;
    all.rows += own.rows;
    if (!seen.paused) all.lag_s = std::max(all.lag_s, own.lag_s);
    all.cycle_ms = std::max(all.cycle_ms, own.cycle_ms);
  }
  all_.Add(minute_, all);
  std::erase_if(tenants_, [](const auto& one) { return !one.second.there; });
  for (auto& [context_id, tracked] : tenants_) tracked.there = false;
}

TimeSeries::Shown TimeSeries::Of(const std::string& context_id, std::int64_t now_ms) const {
  const MutexLock lock(mutex_);
  Shown shown;
  const std::int64_t end = minute_ < 0 ? now_ms / kMinuteMs : minute_;
  const std::int64_t first = end - MinuteSeries::kMinutes;
  shown.begin_ms = first * kMinuteMs;
  const auto found = tenants_.find(context_id);
  const MinuteSeries nothing;
  const MinuteSeries& series = context_id.empty()        ? all_
                               : found == tenants_.end() ? nothing
                                                         : found->second.series;
  shown.minutes = series.From(first, MinuteSeries::kMinutes);
  return shown;
}

}  // namespace mirror
