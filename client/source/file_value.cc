#include "client/source/file_value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>

namespace mirror {
namespace {

constexpr std::ptrdiff_t kExactDigits = 15;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// Digits that begin with 0 and go on with another digit.
bool HasLeadingZero(std::string_view digits) {
  return digits.size() > 1 && digits[0] == '0' && IsDigit(digits[1]);
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
  if (std::count_if(digits.begin(), digits.end(), IsDigit) > kExactDigits) return std::nullopt;
  return ReadFinite(text);
}

}  // namespace mirror
