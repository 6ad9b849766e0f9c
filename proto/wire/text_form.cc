#include "proto/wire/text_form.h"

#include <array>
#include <chrono>

#include "absl/strings/escaping.h"
#include "proto/wire/value_rules.h"

namespace mirror {
namespace {

constexpr std::int64_t kUnitsPerSecond = 10'000'000;
constexpr std::int64_t kUnitsPerDay = 86'400 * kUnitsPerSecond;
/// Days from 0001-01-01 to 1970-01-01.
constexpr std::int64_t kDaysToUnixEpoch = 719'162;

char* WriteDigits(char* out, std::int64_t value, int digits) {
  for (int i = digits - 1; i >= 0; --i) {
    out[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  return out + digits;
}

char* WriteDate(char* out, std::int64_t days) {
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{days - kDaysToUnixEpoch}}};
  out = WriteDigits(out, static_cast<int>(date.year()), 4);
  *out++ = '-';
  out = WriteDigits(out, static_cast<unsigned>(date.month()), 2);
  *out++ = '-';
  return WriteDigits(out, static_cast<unsigned>(date.day()), 2);
}

char* WriteTime(char* out, std::int64_t units, std::uint32_t precision) {
  const std::int64_t seconds = units / kUnitsPerSecond;
  out = WriteDigits(out, seconds / 3'600, 2);
  *out++ = ':';
  out = WriteDigits(out, seconds / 60 % 60, 2);
  *out++ = ':';
  out = WriteDigits(out, seconds % 60, 2);
  if (precision == 0) return out;
  *out++ = '.';
  std::array<char, 7> fraction;
  WriteDigits(fraction.data(), units % kUnitsPerSecond, 7);
  for (std::uint32_t i = 0; i < precision && i < 7; ++i) *out++ = fraction[i];
  return out;
}

char* WriteTimestamp(char* out, std::int64_t units, std::uint32_t precision, bool utc) {
  out = WriteDate(out, units / kUnitsPerDay);
  *out++ = ' ';
  out = WriteTime(out, units % kUnitsPerDay, precision);
  if (utc) *out++ = 'Z';
  return out;
}

char* WriteUuid(char* out, std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
    const auto byte = static_cast<unsigned char>(bytes[i]);
    *out++ = kDigits[byte >> 4];
    *out++ = kDigits[byte & 15];
  }
  return out;
}

/// Days from 0000-03-01 to 0001-01-01.
constexpr std::int64_t kDaysToYearOne = 306;
constexpr std::size_t kDateLength = 10, kFractionDigits = 7;

/// Returns the digits of `text` from `at` on. Any other character counts as some digit (sixteen at most, so
/// no sum overflows); the caller detects it because writing the value back gives another text.
std::int64_t Digits(std::string_view text, std::size_t at, std::size_t count) {
  std::int64_t value = 0;
  for (std::size_t i = at; i < at + count && i < text.size(); ++i) value = value * 10 + (text[i] & 0xf);
  return value;
}

/// http://howardhinnant.github.io/date_algorithms.html#days_from_civil
std::int64_t DateUnits(std::string_view text) {
  const std::int64_t month = Digits(text, 5, 2), day = Digits(text, 8, 2);
  const std::int64_t year = Digits(text, 0, 4) - (month <= 2 ? 1 : 0);
  const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const std::int64_t days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year;
  return (days - kDaysToYearOne) * kUnitsPerDay;
}

std::int64_t TimeUnits(std::string_view text, std::uint32_t precision) {
  std::int64_t units =
      (Digits(text, 0, 2) * 3'600 + Digits(text, 3, 2) * 60 + Digits(text, 6, 2)) * kUnitsPerSecond;
  if (precision == 0) return units;
  std::int64_t fraction = Digits(text, 9, precision);
  for (std::size_t i = precision; i < kFractionDigits; ++i) fraction *= 10;
  return units + fraction;
}

}  // namespace

std::string DateText(std::int64_t value) {
  std::array<char, kTextFormBytesMax> out;
  return {out.data(), WriteDate(out.data(), value / kUnitsPerDay)};
}

std::string TimeText(std::int64_t value, std::uint32_t precision) {
  std::array<char, kTextFormBytesMax> out;
  return {out.data(), WriteTime(out.data(), value, precision)};
}

std::string TimestampText(std::int64_t value, std::uint32_t precision, bool utc) {
  std::array<char, kTextFormBytesMax> out;
  return {out.data(), WriteTimestamp(out.data(), value, precision, utc)};
}

std::string UuidText(std::string_view bytes) {
  std::array<char, kTextFormBytesMax> out;
  return {out.data(), WriteUuid(out.data(), bytes)};
}

bool HasTextForm(Type type) {
  return type == Type::kDate || type == Type::kTime || type == Type::kTimestamp ||
         type == Type::kTimestampTz || type == Type::kUuid;
}

std::size_t WriteTextForm(const Column& column, std::int64_t integer, std::string_view bytes, char* out) {
  char* end = out;
  switch (column.type) {
    case Type::kDate:
      end = WriteDate(out, integer / kUnitsPerDay);
      break;
    case Type::kTime:
      end = WriteTime(out, integer, column.precision);
      break;
    case Type::kTimestamp:
      end = WriteTimestamp(out, integer, column.precision, false);
      break;
    case Type::kTimestampTz:
      end = WriteTimestamp(out, integer, column.precision, true);
      break;
    default:
      end = WriteUuid(out, bytes);
      break;
  }
  return static_cast<std::size_t>(end - out);
}

std::string TextForm(const Column& column, std::int64_t integer, std::string_view bytes) {
  std::array<char, kTextFormBytesMax> out;
  return {out.data(), WriteTextForm(column, integer, bytes, out.data())};
}

std::optional<std::int64_t> ParseTextForm(const Column& column, std::string_view text) {
  if (text.size() >= kTextFormBytesMax) return std::nullopt;
  std::int64_t units = 0;
  if (column.type == Type::kTime) {
    units = TimeUnits(text, column.precision);
  } else {
    units = DateUnits(text);
    if (column.type != Type::kDate && text.size() > kDateLength) {
      units += TimeUnits(text.substr(kDateLength + 1), column.precision);
    }
  }
  if (!IntRuleOf(column).Holds(units)) return std::nullopt;
  if (TextForm(column, units, {}) != text) return std::nullopt;
  return units;
}

std::optional<std::string> ParseUuid(std::string_view text) {
  std::string digits(text);
  std::erase(digits, '-');
  // HexStringToBytes accepts any character as a digit: its result is written again, and must be the same.
  std::string bytes = absl::HexStringToBytes(digits);
  if (bytes.size() != 16 || UuidText(bytes) != text) return std::nullopt;
  return bytes;
}

}  // namespace mirror
