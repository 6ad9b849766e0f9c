#include "client/config/cron_rule.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <ctime>
#include <map>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace mirror {
namespace {

using std::chrono::sys_days;

constexpr std::int64_t kHourS = 3'600, kDayS = 24 * kHourS;
/// A 29 February on a given day of the week may be up to 40 years away.
constexpr int kDaysAhead = 50 * 366;

struct Field {
  std::string name;  ///< For messages.
  int low = 0, high = 0;
  std::vector<std::string> names = {};  ///< Names of the values from `low` on.
};

absl::Status Wrong(const Field& field, std::string_view part, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(field.name, " '", std::string(part), "' ", what));
}

std::optional<int> Number(std::string_view text) {
  int number = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  // from_chars accepts a sign.
  const bool whole = !text.empty() && text.front() != '-' && parsed.ec == std::errc{} && parsed.ptr == end;
  return whole ? std::optional(number) : std::nullopt;
}

std::optional<int> ValueOf(const Field& field, std::string_view text) {
  const auto name =
      std::find(field.names.begin(), field.names.end(), absl::AsciiStrToLower(std::string(text)));
  if (name != field.names.end()) return field.low + static_cast<int>(name - field.names.begin());
  const std::optional<int> number = Number(text);
  return number && *number >= field.low && *number <= field.high ? number : std::nullopt;
}

std::string RangeOf(const Field& field) {
  std::string range = absl::StrCat("from ", field.low, " to ", field.high);
  if (!field.names.empty()) absl::StrAppend(&range, " or ", field.names.front(), " to ", field.names.back());
  return range;
}

/// Parses one member of a list: "*", "5", "1-5", "*/2", "1-5/2".
template <std::size_t N>
absl::Status SetPart(const Field& field, std::string_view part, std::bitset<N>* values) {
  const std::size_t slash = part.find('/');
  const std::string_view range = part.substr(0, slash);
  const std::size_t dash = range.find('-');
  std::optional<int> from = field.low, to = field.high;
  if (range != "*") {
    from = ValueOf(field, range.substr(0, dash));
    to = dash == std::string_view::npos ? from : ValueOf(field, range.substr(dash + 1));
    // "sat-sun" ends with the Sunday after Saturday.
    if (from && to == 0 && *from > 0 && field.high == 7) to = 7;
  }
  if (!from || !to) return Wrong(field, part, absl::StrCat("is not a value: values are ", RangeOf(field)));
  if (*from > *to) return Wrong(field, part, "ends before it begins: write two ranges, as 22-23,0-5");
  int step = 1;
  if (slash != std::string_view::npos) {
    if (range != "*" && dash == std::string_view::npos) {
      return Wrong(field, part, "has a step after a single value: a step needs a range, as 5-59/15");
    }
    step = Number(part.substr(slash + 1)).value_or(0);
    const int most = *to - *from + 1;
    if (step < 1 || step > most) {
      return Wrong(field, part, absl::StrCat("has a wrong step: a step is from 1 to ", most));
    }
  }
  for (int value = *from; value <= *to; value += step) values->set(static_cast<std::size_t>(value));
  return absl::OkStatus();
}

template <std::size_t N>
absl::Status SetField(const Field& field, std::string_view text, std::bitset<N>* values) {
  while (true) {
    const std::size_t comma = text.find(',');
    absl::Status set = SetPart(field, text.substr(0, comma), values);
    if (!set.ok() || comma == std::string_view::npos) return set;
    text.remove_prefix(comma + 1);
  }
}

std::vector<std::string> Words(const std::string& text) {
  std::vector<std::string> words;
  for (std::size_t at = 0; (at = text.find_first_not_of(" \t", at)) != std::string::npos;) {
    const std::size_t end = std::min(text.find_first_of(" \t", at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

/// Returns the seconds east of Greenwich at a unix time.
std::optional<std::int64_t> OffsetAt(std::int64_t time) {
  const std::time_t seconds = time;
  std::tm local = {};
  if (localtime_r(&seconds, &local) == nullptr) return std::nullopt;
  return local.tm_gmtoff;
}

/// Unix times at which the local clock shows `wall`, which is in seconds since 1970 as if it were UTC.
struct Instants {
  std::vector<std::int64_t> times;     ///< In order; none in a gap.
  std::optional<std::int64_t> behind;  ///< In a gap: its end.
};

Instants InstantsOf(std::int64_t wall) {
  Instants found;
  // No offset is as long as a day; the clock is assumed to be moved at most once between these two.
  const std::optional<std::int64_t> before = OffsetAt(wall - kDayS), after = OffsetAt(wall + kDayS);
  if (!before || !after) return found;
  if (OffsetAt(wall - *before) == before) found.times.push_back(wall - *before);
  if (*before != *after && OffsetAt(wall - *after) == after) found.times.push_back(wall - *after);
  std::sort(found.times.begin(), found.times.end());
  if (!found.times.empty() || *after <= *before) return found;
  std::int64_t low = wall - *after - 1, high = wall - *before;
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    (OffsetAt(middle) == after ? high : low) = middle;
  }
  found.behind = high;
  return found;
}

const std::map<std::string, std::string>& ShortWords() {
  static const std::map<std::string, std::string> words = {
      {"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
      {"@weekly", "0 0 * * 0"},  {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
      {"@annually", "0 0 1 1 *"}};
  return words;
}

}  // namespace

absl::StatusOr<CronRule> CronRule::Parse(const std::string& text) {
  static const Field kMinute{"the minute", 0, 59}, kHour{"the hour", 0, 23};
  static const Field kDay{"the day of the month", 1, 31};
  static const Field kMonth{
      "the month",
      1,
      12,
      {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}};
  static const Field kWeekday{"the day of the week", 0, 7, {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}};
  CronRule rule;
  rule.text_ = text;
  std::vector<std::string> words = Words(text);
  if (words.size() == 1 && words[0].front() == '@') {
    const auto known = ShortWords().find(absl::AsciiStrToLower(words[0]));
    if (known == ShortWords().end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", text, "' is not @hourly, @daily, @weekly, @monthly or @yearly"));
    }
    words = Words(known->second);
  }
  if (words.size() != 5) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' has ", words.size(),
                     " fields; there are five: minute, hour, day of the month, month, day of the week, as "
                     "\"30 6-20/2 * * mon-fri\""));
  }
  for (const absl::Status& set :
       {SetField(kMinute, words[0], &rule.minutes_), SetField(kHour, words[1], &rule.hours_),
        SetField(kDay, words[2], &rule.days_), SetField(kMonth, words[3], &rule.months_),
        SetField(kWeekday, words[4], &rule.weekdays_)}) {
    if (!set.ok()) return set;
  }
  rule.either_day_ = words[2].front() != '*' && words[4].front() != '*';
  if (rule.weekdays_[7]) rule.weekdays_.set(0);
  RETURN_IF_ERROR(rule.CheckDays());
  return rule;
}

absl::Status CronRule::CheckDays() const {
  // Any day of the week occurs in every month.
  if (either_day_) return absl::OkStatus();
  static constexpr std::size_t kDaysMost[] = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  for (std::size_t month = 1; month < months_.size(); ++month) {
    for (std::size_t day = 1; months_[month] && day <= kDaysMost[month]; ++day) {
      if (days_[day]) return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", text_, "' is never due: none of its months has such a day"));
}

bool CronRule::HasDay(sys_days day) const {
  const std::chrono::year_month_day date(day);
  if (!months_[static_cast<unsigned>(date.month())]) return false;
  const bool of_month = days_[static_cast<unsigned>(date.day())];
  const bool of_week = weekdays_[std::chrono::weekday(day).c_encoding()];
  return either_day_ ? of_month || of_week : of_month && of_week;
}

std::optional<std::int64_t> CronRule::FirstOf(sys_days day, std::int64_t after) const {
  const std::int64_t midnight = day.time_since_epoch().count() * kDayS;
  std::optional<std::int64_t> first;
  for (std::size_t hour = 0; hour < hours_.size(); ++hour) {
    for (std::size_t minute = 0; hours_[hour] && minute < minutes_.size(); ++minute) {
      if (!minutes_[minute]) continue;
      Instants instants = InstantsOf(midnight + static_cast<std::int64_t>(hour) * kHourS +
                                     static_cast<std::int64_t>(minute) * 60);
      if (!hours_.all()) {
        if (instants.times.size() > 1) instants.times.resize(1);
        if (instants.behind) instants.times.push_back(*instants.behind);
      }
      for (const std::int64_t time : instants.times) {
        if (time > after && (!first || time < *first)) first = time;
      }
    }
  }
  return first;
}

std::optional<CronRule::Time> CronRule::Next(Time after) const {
  const std::int64_t seconds = std::chrono::floor<std::chrono::seconds>(after).time_since_epoch().count();
  const std::optional<std::int64_t> offset = OffsetAt(seconds);
  if (!offset) return std::nullopt;
  // A clock that is moved over midnight shows the day before, or the one after, once more.
  const sys_days today = std::chrono::floor<std::chrono::days>(
      std::chrono::sys_seconds(std::chrono::seconds(seconds + *offset)));
  std::optional<std::int64_t> first;
  int days_more = 2;
  for (int i = -1; i < kDaysAhead && days_more > 0; ++i) {
    const sys_days day = today + std::chrono::days(i);
    if (first) --days_more;
    if (!HasDay(day)) continue;
    const std::optional<std::int64_t> time = FirstOf(day, seconds);
    if (time && (!first || *time < *first)) first = time;
  }
  constexpr std::int64_t kLast =
      std::chrono::floor<std::chrono::seconds>(Time::max()).time_since_epoch().count();
  if (!first || *first > kLast) return std::nullopt;
  return Time(std::chrono::seconds(*first));
}

}  // namespace mirror
