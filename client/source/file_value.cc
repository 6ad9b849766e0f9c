#include "client/source/file_value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <system_error>

namespace mirror {
namespace {

/// A double keeps so many digits of any number.
constexpr std::size_t kExactDigits = 15;
/// So many tell every double from all others.
constexpr int kTellingDigits = 17;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// Digits that begin with 0 and go on with another digit.
bool HasLeadingZero(std::string_view digits) {
  return digits.size() > 1 && digits[0] == '0' && IsDigit(digits[1]);
}

/// A number in digits: 0.`digits` times ten to the power of `exponent`, without superfluous zeros.
struct Decimal {
  std::string digits;
  std::int64_t exponent = 0;
  friend bool operator==(const Decimal&, const Decimal&) = default;
};

/// Of a text that is a number.
Decimal ToDecimal(std::string_view text) {
  Decimal decimal;
  const std::size_t end = std::min(text.find_first_of("eE"), text.size());
  bool behind_dot = false;
  for (const char c : text.substr(0, end)) {
    behind_dot = behind_dot || c == '.';
    if (!IsDigit(c)) continue;
    const bool leading = decimal.digits.empty() && c == '0';
    if (!leading) decimal.digits.push_back(c);
    if (!behind_dot && !leading) ++decimal.exponent;
    if (behind_dot && leading) --decimal.exponent;
  }
  decimal.digits.erase(decimal.digits.find_last_not_of('0') + 1);
  if (decimal.digits.empty()) return Decimal();
  if (end < text.size()) {
    std::string_view power = text.substr(end + 1);
    if (power.starts_with('+')) power.remove_prefix(1);
    std::int64_t number = 0;
    std::from_chars(power.data(), power.data() + power.size(), number);
    decimal.exponent += number;
  }
  return decimal;
}

/// Whether the number can be written as the text again: it has all digits of it.
bool KeepsDigits(double value, std::string_view text) {
  const Decimal wanted = ToDecimal(text);
  if (wanted.digits.size() <= kExactDigits) return value != 0 || wanted.digits.empty();
  char written[64];
  const auto shortest = std::to_chars(written, written + sizeof written, value);
  if (ToDecimal({written, shortest.ptr}) == wanted) return true;
  const auto telling = std::to_chars(written, written + sizeof written, value, std::chars_format::scientific,
                                     kTellingDigits - 1);
  return ToDecimal({written, telling.ptr}) == wanted;
}

/// All of the text.
template <typename Number>
std::optional<Number> ReadWhole(std::string_view text) {
  Number value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> ReadFinite(std::string_view text) {
  const std::optional<double> value = ReadWhole<double>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

}  // namespace

std::optional<std::int64_t> ReadDeclaredInteger(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  return ReadWhole<std::int64_t>(text);
}

std::optional<double> ReadDeclaredReal(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  return ReadFinite(text);
}

std::optional<std::int64_t> ReadInteger(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || HasLeadingZero(digits) || text == "-0") return std::nullopt;
  return ReadWhole<std::int64_t>(text);
}

std::optional<double> ReadReal(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || !IsDigit(digits.front()) || HasLeadingZero(digits)) return std::nullopt;
  const std::optional<double> value = ReadFinite(text);
  return value && KeepsDigits(*value, text) ? value : std::nullopt;
}

}  // namespace mirror
