#include "server/watch/time_series.h"

#include <algorithm>

namespace mirror {
namespace {

constexpr std::uint16_t kUnknown = 0xFFFF;
constexpr int kDigits = 11;
constexpr std::uint64_t kMost = std::uint64_t{2'046} << 30U;
/// Step by which the vector grows: doubling would take twice the promised memory.
constexpr std::size_t kGrow = 60;
/// Minutes. A clock that was set back by less than this ends some minutes twice.
constexpr std::int64_t kClockJitter = 10;

/// Packs a number: at most kDigits binary digits, and in the highest five bits the shift.
std::uint16_t Pack(std::uint64_t number) {
  number = std::min(number, kMost);
  unsigned shift = 0;
  while ((number >> shift) >= (1U << kDigits)) ++shift;
  std::uint64_t digits = shift == 0 ? number : ((number >> (shift - 1)) + 1) >> 1U;
  if (digits == (1U << kDigits)) {  // Rounded up to one digit more.
    digits >>= 1U;
    ++shift;
  }
  return static_cast<std::uint16_t>((shift << kDigits) | digits);
}

std::uint16_t PackKnown(std::int64_t number) {
  return number < 0 ? kUnknown : Pack(static_cast<std::uint64_t>(number));
}

std::uint64_t Unpack(std::uint16_t packed) {
  return static_cast<std::uint64_t>(packed & ((1U << kDigits) - 1)) << (packed >> kDigits);
}

std::int64_t UnpackKnown(std::uint16_t packed) {
  return packed == kUnknown ? -1 : static_cast<std::int64_t>(Unpack(packed));
}

/// The sampling time varies within the minute, so a lag that grew by about a minute is no news.
bool OnlyOlder(std::int64_t before_s, std::int64_t now_s, std::int64_t minutes) {
  if (before_s < 0 || now_s < 0) return before_s < 0 && now_s < 0;
  const std::int64_t grown_s = now_s - before_s - 60 * minutes;
  return grown_s >= -5 && grown_s <= 5;
}

}  // namespace

std::int64_t MinuteSeries::MinuteOf(const Entry& entry) const {
  const auto behind = static_cast<std::uint16_t>(static_cast<std::uint16_t>(last_) - entry.minute);
  return last_ - behind;
}

void MinuteSeries::Push(const Entry& entry) {
  if (entries_.size() == entries_.capacity()) {
    std::vector<Entry> more;
    more.reserve(entries_.size() + kGrow);
    more.assign(entries_.begin(), entries_.end());
    entries_.swap(more);
  }
  entries_.push_back(entry);
}

/// Removes entries in blocks, so that not every minute moves all of them.
void MinuteSeries::ForgetOld(std::int64_t minute) {
  if (minute - last_ >= kMinutes) entries_.clear();
  const auto young = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return minute - MinuteOf(entry) < kMinutes; });
  // Keep the entry before it: it has the age of the data when the 24 hours began.
  if (young - entries_.begin() > static_cast<std::ptrdiff_t>(kGrow))
    entries_.erase(entries_.begin(), young - 1);
}

void MinuteSeries::Add(std::int64_t minute, const Minute& what) {
  if (last_ >= 0 && minute <= last_) {
    if (last_ - minute < kClockJitter) return;
    *this = MinuteSeries();
  }
  const bool gap = last_ >= 0 && minute > last_ + 1;
  if (last_ >= 0) ForgetOld(minute);
  // Minutes in between were not observed: earlier values say nothing about them.
  if (gap && !entries_.empty()) Push({static_cast<std::uint16_t>(last_ + 1), 0, kUnknown, kUnknown});
  const bool first = entries_.empty() || gap;
  last_ = minute;
  if (!first && what.rows == 0 && what.cycle_ms < 0 && OnlyOlder(lag_s_, what.lag_s, minute - told_)) return;
  told_ = minute;
  lag_s_ = what.lag_s;
  Push(
      {static_cast<std::uint16_t>(minute), Pack(what.rows), PackKnown(what.lag_s), PackKnown(what.cycle_ms)});
}

std::vector<Minute> MinuteSeries::From(std::int64_t first, std::size_t count) const {
  std::vector<Minute> minutes(count);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    const std::int64_t begin = MinuteOf(entry);
    const std::int64_t end = i + 1 < entries_.size() ? MinuteOf(entries_[i + 1]) : last_ + 1;
    const std::int64_t lag_s = UnpackKnown(entry.lag_s);
    for (std::int64_t minute = std::max(begin, first); minute < end; ++minute) {
      const std::int64_t place = minute - first;
      if (place >= static_cast<std::int64_t>(count)) break;
      Minute& what = minutes[static_cast<std::size_t>(place)];
      if (lag_s >= 0) what.lag_s = lag_s + 60 * (minute - begin);
      if (minute != begin) continue;
      what.rows = Unpack(entry.rows);
      what.cycle_ms = UnpackKnown(entry.cycle_ms);
    }
  }
  return minutes;
}

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
