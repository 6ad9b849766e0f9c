#include "client/source/files/rows/cell_format.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "client/source/files/rows/file_rows.h"

namespace mirror {
namespace {

inline constexpr std::int64_t kMsOfDay = 86'400'000;

/// A date, a time of the day, or both.
struct IsoMoment {
  std::optional<std::int64_t> days;  ///< Since 1970-01-01. Absent: it is only a time of the day.
  std::int64_t of_day_ms = 0;
};

/// Reads the components of a text, one after the other.
class Pieces {
 public:
  explicit Pieces(std::string_view text) : rest_(text) {}

  bool AtEnd() const { return rest_.empty(); }

  bool Take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  /// Reads a number of exactly this many digits, which is at most `most`. Absent: there is none.
  std::optional<int> TakeNumber(std::size_t digits, int most) {
    if (rest_.size() < digits) return std::nullopt;
    int number = 0;
    for (const char c : rest_.substr(0, digits)) {
      if (c < '0' || c > '9') return std::nullopt;
      number = number * 10 + (c - '0');
    }
    if (number > most) return std::nullopt;
    rest_.remove_prefix(digits);
    return number;
  }

  /// Reads the digits after the point, rounded to thousandths. Absent: there are none.
  std::optional<int> TakeThousandths() {
    int tenths_of_ms = 0;
    std::size_t digits = 0;
    while (const std::optional<int> digit = TakeNumber(1, 9)) {
      if (++digits <= 4) tenths_of_ms = tenths_of_ms * 10 + *digit;
    }
    if (digits == 0) return std::nullopt;
    for (; digits < 4; ++digits) tenths_of_ms *= 10;
    return (tenths_of_ms + 5) / 10;
  }

 private:
  std::string_view rest_;
};

std::optional<std::int64_t> TakeDate(Pieces* pieces) {
  const std::optional<int> year = pieces->TakeNumber(4, 9999);
  if (!year || !pieces->Take('-')) return std::nullopt;
  const std::optional<int> month = pieces->TakeNumber(2, 12);
  if (!month || !pieces->Take('-')) return std::nullopt;
  const std::optional<int> day = pieces->TakeNumber(2, 31);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count();
}

std::optional<std::int64_t> TakeTime(Pieces* pieces) {
  const std::optional<int> hour = pieces->TakeNumber(2, 23);
  if (!hour || !pieces->Take(':')) return std::nullopt;
  const std::optional<int> minute = pieces->TakeNumber(2, 59);
  if (!minute) return std::nullopt;
  std::int64_t ms = (*hour * std::int64_t{60} + *minute) * 60'000;
  if (!pieces->Take(':')) return ms;
  const std::optional<int> second = pieces->TakeNumber(2, 59);
  if (!second) return std::nullopt;
  ms += *second * std::int64_t{1'000};
  if (!pieces->Take('.') && !pieces->Take(',')) return ms;
  const std::optional<int> thousandths = pieces->TakeThousandths();
  return thousandths ? std::optional(ms + *thousandths) : std::nullopt;
}

/// Reads a time zone or the end of the text. False: the text has something else.
bool TakeZone(Pieces* pieces) {
  if (pieces->AtEnd() || pieces->Take('Z') || pieces->Take('z')) return true;
  if (!pieces->Take('+') && !pieces->Take('-')) return false;
  if (!pieces->TakeNumber(2, 23)) return false;
  if (pieces->AtEnd()) return true;
  (void)pieces->Take(':');
  return pieces->TakeNumber(2, 59).has_value();
}

/// Reads the form of cells of type "d": 2024-05-01, 12:30:15 or 2024-05-01T12:30:15.500Z. Seconds and their
/// fraction may be missing. The fraction is rounded to thousandths. A time zone is ignored, since a sheet has
/// none. Absent: the text has another form.
std::optional<IsoMoment> ReadIsoMoment(std::string_view text) {
  IsoMoment moment;
  Pieces pieces(text);
  // At this place a time has a colon and a date a digit.
  const bool has_date = text.size() > 2 && text[2] != ':';
  if (has_date) {
    moment.days = TakeDate(&pieces);
    if (!moment.days) return std::nullopt;
    if (pieces.AtEnd()) return moment;
    if (!pieces.Take('T') && !pieces.Take('t') && !pieces.Take(' ')) return std::nullopt;
  }
  const std::optional<std::int64_t> time = TakeTime(&pieces);
  if (!time || !TakeZone(&pieces) || !pieces.AtEnd()) return std::nullopt;
  moment.of_day_ms = *time;
  if (moment.of_day_ms < kMsOfDay) return moment;
  // The rounding reached the next day.
  moment.of_day_ms -= kMsOfDay;
  if (moment.days) ++*moment.days;
  return moment;
}

/// Converts days since 1970-01-01 to year, month, day.
std::string DateOf(std::int64_t days) {
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{days}}};
  char text[48];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return text;
}

/// Returns 36:05:09, with thousandths if there are any.
std::string ClockText(std::int64_t ms) {
  char text[32];
  std::snprintf(text, sizeof text, "%02d:%02d:%02d", static_cast<int>(ms / 3'600'000),
                static_cast<int>(ms / 60'000 % 60), static_cast<int>(ms / 1'000 % 60));
  char thousandths[8] = "";
  if (ms % 1'000 != 0) std::snprintf(thousandths, sizeof thousandths, ".%03d", static_cast<int>(ms % 1'000));
  return absl::StrCat(text, thousandths);
}

/// Excel's year 1900 has a 29th of February, day 60. The days before it are shifted by one.
constexpr std::int64_t kEpoch1900 = -25'569, kEpoch1904 = -24'107, kLeapDay1900 = 60;
/// Days since 1970-01-01 of the day after 9999-12-31.
constexpr std::int64_t kEndOfDays = 2'932'897;

/// Returns a moment as text. `days`: since 1970-01-01. `is_first`: it is the calendar's first day, which
/// means that there is no day.
std::string MomentText(std::int64_t days, std::int64_t of_day_ms, bool is_first, Shown shown) {
  const bool either = shown == Shown::kDateOrTime;
  if (is_first && (shown == Shown::kTime || either)) return ClockText(of_day_ms);
  if (of_day_ms == 0 && (shown == Shown::kDate || either)) return DateOf(days);
  return absl::StrCat(DateOf(days), " ", ClockText(of_day_ms));
}

/// Finds the kind of a format by its letters.
class FormatLetters {
 public:
  /// Takes a letter of one section of the format. `at`: its position. Returns the position of its last
  /// repetition.
  std::size_t Take(std::string_view format, std::size_t at) {
    for (const std::string_view word : {"General", "Standard"}) {
      if (SameName(format.substr(at, word.size()), word)) return at + word.size() - 1;
    }
    for (const std::string_view word : {"AM/PM", "A/P"}) {
      if (!SameName(format.substr(at, word.size()), word)) continue;
      time_ = true;
      return at + word.size() - 1;
    }
    const char letter = absl::ascii_tolower(static_cast<unsigned char>(format[at]));
    std::size_t end = at;
    while (end < format.size() && absl::ascii_tolower(static_cast<unsigned char>(format[end])) == letter)
      ++end;
    const std::size_t count = end - at;
    date_ = date_ || letter == 'y' || letter == 'd';
    time_ = time_ || letter == 'h' || letter == 's';
    // Month or minutes; years and eras of other calendars; day of the week.
    maybe_date_ = maybe_date_ || letter == 'm' || letter == 'e' || letter == 'g' ||
                  (letter == 'b' && count >= 2) || (letter == 'a' && count >= 3);
    return end - 1;
  }
  void TakeElapsed() { elapsed_ = true; }
  /// Takes a digit of a number. If a format has digits, "E" begins an exponent, and "m" is a unit.
  void TakeDigit() { digits_ = true; }

  Shown shown() const {
    if (elapsed_) return Shown::kElapsed;
    if (time_) return date_ ? Shown::kDateTime : Shown::kTime;
    return date_ || (maybe_date_ && !digits_) ? Shown::kDate : Shown::kNumber;
  }

 private:
  bool date_ = false, time_ = false, elapsed_ = false, maybe_date_ = false, digits_ = false;
};

/// Returns whether a part in brackets counts hours, minutes or seconds, such as [h] and [mm]. [Red] and
/// [$-409] do not.
bool CountsTime(std::string_view inner) {
  return !inner.empty() && std::strchr("hHmMsS", inner.front()) != nullptr &&
         inner.find_first_not_of(inner.front()) == std::string_view::npos;
}

}  // namespace

Shown ShownBy(std::string_view format) {
  FormatLetters letters;
  // The first of several sections is for positive numbers, unless it has a condition.
  bool conditional = false;
  for (std::size_t i = 0; i < format.size(); ++i) {
    const char c = format[i];
    if (c == ';' && !conditional) break;
    if (c == '"') {
      i = std::min(format.find('"', i + 1), format.size());
    } else if (c == '\\' || c == '_' || c == '*') {
      ++i;
    } else if (c == '[') {
      const std::size_t end = std::min(format.find(']', i), format.size());
      const std::string_view inner = format.substr(i + 1, end - i - 1);
      if (CountsTime(inner)) letters.TakeElapsed();
      conditional = conditional || inner.find_first_of("<>=") == 0;
      i = end;
    } else if (absl::ascii_isalpha(static_cast<unsigned char>(c))) {
      i = letters.Take(format, i);
    } else if (c == '0' || c == '#' || c == '?') {
      letters.TakeDigit();
    }
  }
  return letters.shown();
}

Shown ShownByNumber(int id) {
  struct Range {
    int first, last;
    Shown shown;
  };
  static constexpr Range kRanges[] = {
      {14, 17, Shown::kDate},     {18, 21, Shown::kTime}, {22, 22, Shown::kDateTime},
      {27, 31, Shown::kDate},     {32, 33, Shown::kTime}, {34, 35, Shown::kDateOrTime},
      {36, 36, Shown::kDate},     {45, 45, Shown::kTime}, {46, 46, Shown::kElapsed},
      {47, 47, Shown::kTime},     {50, 54, Shown::kDate}, {55, 56, Shown::kDateOrTime},
      {57, 58, Shown::kDate},     {71, 74, Shown::kDate}, {75, 76, Shown::kTime},
      {77, 77, Shown::kDateTime}, {78, 78, Shown::kTime}, {79, 79, Shown::kElapsed},
      {80, 80, Shown::kTime},     {81, 81, Shown::kDate}};
  for (const Range& range : kRanges) {
    if (id >= range.first && id <= range.last) return range.shown;
  }
  return Shown::kNumber;
}

std::optional<std::string> ShowNumber(double value, Shown shown, bool from_1904) {
  if (shown == Shown::kNumber) {
    // All digits of the cell are written, also those that the sheet does not show.
    return value == 0 ? "0" : WriteReal(value);
  }
  const std::int64_t epoch = from_1904 ? kEpoch1904 : kEpoch1900;
  const auto end = static_cast<double>(kEndOfDays - epoch);
  if (value < 0 || value >= end) return std::nullopt;
  if (shown == Shown::kElapsed) return ClockText(std::llround(value * kMsOfDay));
  std::int64_t days = static_cast<std::int64_t>(std::floor(value));
  std::int64_t of_day_ms = static_cast<std::int64_t>(std::llround((value - std::floor(value)) * kMsOfDay));
  if (of_day_ms == kMsOfDay) {
    of_day_ms = 0;
    ++days;
  }
  const bool before_leap = !from_1904 && days < kLeapDay1900;
  const std::int64_t since_1970 = days + epoch + (before_leap ? 1 : 0);
  if (since_1970 >= kEndOfDays) return std::nullopt;
  return MomentText(since_1970, of_day_ms, days == 0, shown);
}

std::optional<std::string> ShowIsoDate(std::string_view text, Shown shown, bool from_1904) {
  const std::optional<IsoMoment> moment = ReadIsoMoment(text);
  if (!moment || moment->days.value_or(0) >= kEndOfDays) return std::nullopt;
  if (!moment->days) return ClockText(moment->of_day_ms);
  if (shown == Shown::kElapsed) {
    std::int64_t days = *moment->days - (from_1904 ? kEpoch1904 : kEpoch1900);
    if (!from_1904 && days <= kLeapDay1900) --days;
    return days < 0 ? std::nullopt : std::optional(ClockText(days * kMsOfDay + moment->of_day_ms));
  }
  const bool as_date = shown == Shown::kNumber || shown == Shown::kDateOrTime;
  return MomentText(*moment->days, moment->of_day_ms, /*is_first=*/false, as_date ? Shown::kDate : shown);
}

}  // namespace mirror
