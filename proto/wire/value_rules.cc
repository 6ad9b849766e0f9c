#include "proto/wire/value_rules.h"

#include <array>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/utf8.h"
#include "proto/wire/text_in_pieces.h"

namespace mirror {
namespace {

// Units of 100 nanoseconds.
constexpr std::int64_t kDay = 864'000'000'000;
constexpr std::int64_t kLastDay = 3'155'378'112'000'000'000;      // 9999-12-31
constexpr std::int64_t kLastInstant = 3'155'378'975'999'999'999;  // 9999-12-31 23:59:59.9999999

constexpr std::array<std::uint64_t, 8> kSteps = {10'000'000, 1'000'000, 100'000, 10'000, 1'000, 100, 10, 1};

std::uint64_t StepOf(const Column& column) { return kSteps[column.precision < 8 ? column.precision : 7]; }

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

IntRule::IntRule(std::int64_t min, std::int64_t max, std::uint64_t step)
    : min_(min),
      width_(static_cast<std::uint64_t>(max) - static_cast<std::uint64_t>(min)),
      step_(step),
      shift_(std::countr_zero(step)),
      quotient_max_(UINT64_MAX / step) {
  const std::uint64_t odd = step >> shift_;
  inverse_ = odd;  // Correct in the lowest 3 bits; each round of Newton's method doubles the correct bits.
  for (int bits = 3; bits < 64; bits *= 2) inverse_ *= 2 - odd * inverse_;
}

IntRule IntRuleOf(const Column& column) {
  switch (column.type) {
    case Type::kBool:
      return {0, 1, 1};
    case Type::kInt16:
      return {INT16_MIN, INT16_MAX, 1};
    case Type::kInt32:
      return {INT32_MIN, INT32_MAX, 1};
    case Type::kDate:
      return {0, kLastDay, kDay};
    case Type::kTime:
      return {0, kDay - 1, StepOf(column)};
    case Type::kTimestamp:
    case Type::kTimestampTz:
      return {0, kLastInstant, StepOf(column)};
    default:
      return {INT64_MIN, INT64_MAX, 1};
  }
}

bool HoldsReal(Type type, double value) {
  if (!std::isfinite(value)) return false;
  if (type != Type::kFloat) return true;
  return std::abs(value) <= static_cast<double>(std::numeric_limits<float>::max()) &&
         static_cast<double>(static_cast<float>(value)) == value;
}

bool IsWrittenAsDecimal(const Column& column, std::string_view text) {
  const char* p = text.data();
  const char* const end = p + text.size();
  if (p != end && *p == '-') ++p;
  const char* const whole = p;
  while (p != end && IsDigit(*p)) ++p;
  auto digits = static_cast<std::uint64_t>(p - whole);
  if (digits == 0) return false;
  if (*whole == '0') {
    if (digits > 1) return false;
    digits = 0;  // The 0 of "0.5" does not count as a digit.
  }
  std::uint64_t fraction = 0;
  if (p != end) {
    if (*p++ != '.') return false;
    const char* const dot = p;
    while (p != end && IsDigit(*p)) ++p;
    fraction = static_cast<std::uint64_t>(p - dot);
    if (p != end || fraction == 0) return false;
  }
  return fraction <= column.scale && digits <= column.precision - column.scale;
}

bool HoldsDecimal(const Column& column, std::string_view text) {
  return IsWrittenAsDecimal(column, text) &&
         (text.front() != '-' || text.find_first_not_of("-0.") != text.npos);
}

namespace {

bool IsNumericAffinity(Affinity affinity) {
  return affinity == Affinity::kNumeric || affinity == Affinity::kInteger || affinity == Affinity::kReal;
}

std::size_t SkipDigits(std::string_view text, std::size_t at) {
  while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
  return at;
}

/// Returns true for a number as SQLite reads it: the whole text, with blanks around it allowed.
bool IsNumber(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n\v\f\r";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == text.npos) return false;
  text = text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
  const auto skip_sign = [&](std::size_t at) {
    return at < text.size() && (text[at] == '-' || text[at] == '+') ? at + 1 : at;
  };
  const std::size_t whole = skip_sign(0);
  std::size_t at = SkipDigits(text, whole);
  std::size_t digits = at - whole;
  if (at < text.size() && text[at] == '.') {
    const std::size_t fraction = at + 1;
    at = SkipDigits(text, fraction);
    digits += at - fraction;
  }
  if (digits == 0) return false;
  if (at == text.size()) return true;
  if (text[at] != 'e' && text[at] != 'E') return false;
  const std::size_t exponent = skip_sign(at + 1);
  return exponent < text.size() && SkipDigits(text, exponent) == text.size();
}

}  // namespace

bool IsStoredAsNumber(const Column& column, std::string_view text) {
  return column.type == Type::kAny && IsNumericAffinity(column.affinity) && IsNumber(text);
}

bool HoldsText(const Column& column, std::string_view text) {
  if (IsStoredAsNumber(column, text)) return false;
  const auto count = CountUtf8(text);
  return count && (column.length == 0 || count->utf16_units <= column.length);
}

std::string WhyNotInt(const Column& column, std::int64_t value) {
  switch (column.type) {
    case Type::kBool:
      return "a BOOL is 0 or 1";
    case Type::kDate:
      return IntRuleOf(column).InRange(value) ? "a DATE is a whole day"
                                              : "a DATE is a day of the years 1 to 9999";
    case Type::kTime:
      if (!IntRuleOf(column).InRange(value)) return "a TIME is under 24 hours";
      break;
    case Type::kTimestamp:
    case Type::kTimestampTz:
      if (!IntRuleOf(column).InRange(value)) {
        return absl::StrCat("a ", std::string(ToString(column.type)), " is in the years 1 to 9999");
      }
      break;
    default:
      return absl::StrCat("the number is out of the range of ", std::string(ToString(column.type)));
  }
  return absl::StrCat("more than ", column.precision, " digits of a second");
}

std::string WhyNotReal(double value) {
  return std::isfinite(value) ? "not a number that a FLOAT holds exactly"
                              : "NaN and infinity cannot be stored";
}

std::string WhyNotDecimal(const Column& column) {
  return absl::StrCat("not a DECIMAL(", column.precision, ",", column.scale,
                      ") written as \"-12.50\", at most ", column.precision - column.scale,
                      " digits before the dot and ", column.scale,
                      " after it; zero is written without a sign");
}

std::string WhyNotText(const Column& column, std::string_view text) {
  TextInPieces whole(column);
  whole.Add(text);
  return whole.WhyNot();
}

std::string WhyNotBytes(const Column& column) {
  return column.type == Type::kUuid ? "a UUID has 16 bytes"
                                    : absl::StrCat("the value is longer than ", column.length, " bytes");
}

}  // namespace mirror
