#include "proto/wire/parse_text_form.h"

#include <array>

#include "absl/strings/escaping.h"
#include "proto/wire/text_form.h"
#include "proto/wire/value_rules.h"

namespace mirror {
namespace {

constexpr std::int64_t kTicksOfSecond = 10'000'000;
constexpr std::int64_t kTicksOfDay = 86'400 * kTicksOfSecond;
/// Days from 0000-03-01 to 0001-01-01.
constexpr std::int64_t kDaysToYearOne = 306;
constexpr std::size_t kDateLength = 10, kFractionDigits = 7;

/// The digits of `text` from `at` on; anything else counts as some digit (of sixteen at most, so that no sum
/// overflows), and shows when it is written back.
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
  return (days - kDaysToYearOne) * kTicksOfDay;
}

std::int64_t TimeUnits(std::string_view text, std::uint32_t precision) {
  std::int64_t units =
      (Digits(text, 0, 2) * 3'600 + Digits(text, 3, 2) * 60 + Digits(text, 6, 2)) * kTicksOfSecond;
  if (precision == 0) return units;
  std::int64_t fraction = Digits(text, 9, precision);
  for (std::size_t i = precision; i < kFractionDigits; ++i) fraction *= 10;
  return units + fraction;
}

}  // namespace

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
  // It takes anything for a digit; what it took is written again, and must be the same.
  std::string bytes = absl::HexStringToBytes(digits);
  if (bytes.size() != 16 || UuidText(bytes) != text) return std::nullopt;
  return bytes;
}

}  // namespace mirror
