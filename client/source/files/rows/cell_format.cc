#include "client/source/files/rows/cell_format.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "client/source/files/rows/file_value.h"

namespace mirror {
namespace {

/// Days since 1970-01-01 as year, month, day.
std::string DateOf(std::int64_t days) {
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{days}}};
  char text[48];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return text;
}

/// 36:05:09, and thousandths where there are any.
std::string ClockText(std::int64_t ms) {
  char text[32];
  std::snprintf(text, sizeof text, "%02d:%02d:%02d", static_cast<int>(ms / 3'600'000),
                static_cast<int>(ms / 60'000 % 60), static_cast<int>(ms / 1'000 % 60));
  char thousandths[8] = "";
  if (ms % 1'000 != 0) std::snprintf(thousandths, sizeof thousandths, ".%03d", static_cast<int>(ms % 1'000));
  return absl::StrCat(text, thousandths);
}

}  // namespace

Shown ShownBy(std::string_view format) {
  bool date = false, time = false, elapsed = false, quoted = false, bracket = false;
  for (std::size_t i = 0; i < format.size() && format[i] != ';'; ++i) {
    const char c = format[i];
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (c == '\\' || c == '_' || c == '*') {
      ++i;
      continue;
    }
    // [h] counts hours; [Red] and [$-409] say nothing of the kind.
    if (c == '[') {
      bracket = !(i + 1 < format.size() && std::strchr("hHmMsS", format[i + 1]) != nullptr &&
                  (i + 2 < format.size() && (format[i + 2] == ']' || format[i + 2] == format[i + 1])));
      elapsed = elapsed || !bracket;
    }
    if (c == ']') bracket = false;
    if (bracket) continue;
    if (c == 'y' || c == 'Y' || c == 'd' || c == 'D') date = true;
    if (c == 'h' || c == 'H' || c == 's' || c == 'S') time = true;
  }
  if (elapsed) return Shown::kElapsed;
  return date ? (time ? Shown::kDateTime : Shown::kDate) : time ? Shown::kTime : Shown::kNumber;
}

Shown ShownByNumber(int id) {
  if (id >= 14 && id <= 17) return Shown::kDate;
  if (id == 46) return Shown::kElapsed;
  if ((id >= 18 && id <= 21) || id == 45 || id == 47) return Shown::kTime;
  return id == 22 ? Shown::kDateTime : Shown::kNumber;
}

std::optional<std::string> ShowNumber(double value, Shown shown, bool from_1904) {
  if (shown == Shown::kNumber) {
    // All digits that the cell has, which are more than a sheet shows.
    return value == 0 ? "0" : WriteReal(value);
  }
  constexpr double kLastDay = 2'958'466;  // That of 9999.
  if (value < 0 || value >= kLastDay) return std::nullopt;
  constexpr std::int64_t kDayMs = 86'400'000;
  if (shown == Shown::kElapsed) return ClockText(std::llround(value * kDayMs));
  // Excel's 1900 has a 29th of February: its day 60. Days before that are one off.
  constexpr std::int64_t kEpoch1900 = -25'569, kEpoch1904 = -24'107;
  std::int64_t days = static_cast<std::int64_t>(std::floor(value));
  std::int64_t of_day_ms = static_cast<std::int64_t>(std::llround((value - std::floor(value)) * kDayMs));
  if (of_day_ms == kDayMs) {
    of_day_ms = 0;
    ++days;
  }
  const std::string time = ClockText(of_day_ms);
  const bool before_leap = !from_1904 && days < 60;
  const std::string date = DateOf(days + (from_1904 ? kEpoch1904 : kEpoch1900) + (before_leap ? 1 : 0));
  if (shown == Shown::kTime && days == 0) return time;
  if (shown == Shown::kDate && of_day_ms == 0) return date;
  return absl::StrCat(date, " ", time);
}

}  // namespace mirror
