#include "client/source/files/rows/file_rows.h"

#include <algorithm>
#include <cmath>

namespace mirror {
namespace {

/// Numbers below the first value, and from the second on, are written with an exponent.
constexpr double kSmallest = 1e-4, kLargest = 1e16;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// Returns whether digits begin with a 0 that another digit follows.
bool HasLeadingZero(std::string_view digits) {
  return digits.size() > 1 && digits[0] == '0' && IsDigit(digits[1]);
}

std::optional<double> ReadFinite(std::string_view text) {
  const std::optional<double> value = ReadWhole<double>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

}  // namespace

bool SaysNothing(std::string_view text) {
  constexpr std::string_view kNoBreakSpace = "\xc2\xa0";
  while (!text.empty()) {
    const std::size_t bytes = text.starts_with(kNoBreakSpace) ? kNoBreakSpace.size() : 1;
    if (bytes == 1 && std::string_view(" \t\r\n\v\f\x1a").find(text.front()) == std::string_view::npos)
      return false;
    text.remove_prefix(bytes);
  }
  return true;
}

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

std::string WriteReal(double value) {
  const double size = std::abs(value);
  const bool plain = value == 0 || (size >= kSmallest && size < kLargest);
  char text[64];
  const auto written = std::to_chars(text, text + sizeof text, value,
                                     plain ? std::chars_format::fixed : std::chars_format::scientific);
  return {text, written.ptr};
}

std::optional<double> ReadReal(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || !IsDigit(digits.front()) || HasLeadingZero(digits)) return std::nullopt;
  const std::optional<double> value = ReadFinite(text);
  if (!value || (*value == 0 && text.starts_with('-'))) return std::nullopt;
  // Some programs write the whole numbers of a column of reals in this form.
  if (text.ends_with(".0")) text.remove_suffix(2);
  return WriteReal(*value) == text ? value : std::nullopt;
}

std::optional<std::string> WithPoint(std::string_view text) {
  if (text.find('.') != std::string_view::npos) return std::nullopt;
  std::string pointed(text);
  std::replace(pointed.begin(), pointed.end(), ',', '.');
  return pointed;
}

std::optional<double> ReadRealBy(const Decimals& decimals, std::string_view text) {
  const std::optional<double> value = decimals.point ? ReadReal(text) : std::nullopt;
  if (value || !decimals.comma) return value;
  const std::optional<std::string> pointed = WithPoint(text);
  return pointed ? ReadReal(*pointed) : std::nullopt;
}

std::optional<double> ReadDeclaredRealBy(const Decimals& decimals, std::string_view text) {
  const std::optional<double> value = decimals.point ? ReadDeclaredReal(text) : std::nullopt;
  if (value || !decimals.comma) return value;
  const std::optional<std::string> pointed = WithPoint(text);
  return pointed ? ReadDeclaredReal(*pointed) : std::nullopt;
}

void TypeGuess::Add(std::string_view text, bool is_text) {
  seen_ = true;
  if (is_text) type_ = Type::kText;
  if (type_ == Type::kInt64 && !ReadInteger(text)) type_ = Type::kDouble;
  if (type_ != Type::kDouble) return;
  decimals_.point = ReadRealBy({decimals_.point, false}, text).has_value();
  decimals_.comma = ReadRealBy({false, decimals_.comma}, text).has_value();
  if (!decimals_.point && !decimals_.comma) type_ = Type::kText;
}

}  // namespace mirror
