#include "server/hub/plan/same_value.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

/// Longer ones are compared as they are.
constexpr std::size_t kNumberBytesMax = 2'000;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// Takes the digits at the begin of `rest` away.
std::string_view TakeDigits(std::string_view* rest) {
  std::size_t count = 0;
  while (count < rest->size() && IsDigit((*rest)[count])) ++count;
  const std::string_view digits = rest->substr(0, count);
  rest->remove_prefix(count);
  return digits;
}

bool TakeOneOf(std::string_view* rest, std::string_view chars) {
  if (rest->empty() || chars.find(rest->front()) == std::string_view::npos) return false;
  rest->remove_prefix(1);
  return true;
}

/// Sign, digits without zeros at either end, and the power of ten of the last; absent: it is no number.
std::optional<std::string> NumberOf(std::string_view text) {
  if (text.size() > kNumberBytesMax) return std::nullopt;
  const bool negative = !text.empty() && text.front() == '-';
  TakeOneOf(&text, "+-");
  const std::string_view whole = TakeDigits(&text);
  const std::string_view part = TakeOneOf(&text, ".") ? TakeDigits(&text) : std::string_view();
  if (whole.empty() && part.empty()) return std::nullopt;
  std::int64_t power = -static_cast<std::int64_t>(part.size());
  if (TakeOneOf(&text, "eE")) {
    if (!text.empty() && text.front() == '+') text.remove_prefix(1);
    int exponent = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), exponent);
    if (error != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    power += exponent;
  }
  if (!text.empty()) return std::nullopt;
  std::string digits = absl::StrCat(std::string(whole), std::string(part));
  digits.erase(0, digits.find_first_not_of('0'));
  if (digits.empty()) return "0";
  const std::size_t last = digits.find_last_not_of('0');
  power += static_cast<std::int64_t>(digits.size() - last - 1);
  digits.resize(last + 1);
  return absl::StrCat(negative ? "-" : "", digits, "e", power);
}

/// `begin`, two digits, for `count` times.
bool TakePairs(std::string_view* rest, std::string_view begin, int count, std::string* to) {
  for (int i = 0; i < count; ++i) {
    if (!begin.empty() && !TakeOneOf(rest, begin)) return false;
    if (rest->size() < 2 || !IsDigit((*rest)[0]) || !IsDigit((*rest)[1])) return false;
    absl::StrAppend(to, std::string(rest->substr(0, 2)));
    rest->remove_prefix(2);
  }
  return true;
}

/// What stands behind a time: hours and minutes, or empty for UTC, in which a time without a zone is sent,
/// too. Absent: something else.
std::optional<std::string> ZoneOf(std::string_view rest) {
  if (rest.empty()) return "";
  if (rest == "Z" || rest == "z") return "";
  std::string zone(1, rest.front());
  if (!TakeOneOf(&rest, "+-") || !TakePairs(&rest, "", 1, &zone)) return std::nullopt;
  if (rest.empty()) {
    zone += "00";
  } else {
    TakeOneOf(&rest, ":");
    if (!TakePairs(&rest, "", 1, &zone) || !rest.empty()) return std::nullopt;
  }
  return zone == "+0000" || zone == "-0000" ? "" : zone;
}

/// Absent: it is no day with a time.
std::optional<std::string> MomentOf(std::string_view text) {
  std::string moment(TakeDigits(&text));
  if (moment.size() < 4 || !TakePairs(&text, "-", 2, &moment) || !TakeOneOf(&text, "T ")) return std::nullopt;
  if (!TakePairs(&text, "", 1, &moment) || !TakePairs(&text, ":", 1, &moment)) return std::nullopt;
  std::string seconds, part;
  if (!text.empty() && text.front() == ':' && !TakePairs(&text, ":", 1, &seconds)) return std::nullopt;
  if (TakeOneOf(&text, ".")) {
    part = TakeDigits(&text);
    part.resize(part.find_last_not_of('0') + 1);
  }
  const std::optional<std::string> zone = ZoneOf(text);
  if (!zone) return std::nullopt;
  return absl::StrCat(moment, seconds.empty() ? "00" : seconds, ".", part, *zone);
}

std::optional<std::string> NumberOf(double value) {
  std::array<char, 40> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  return NumberOf(std::string_view(text.data(), static_cast<std::size_t>(end - text.data())));
}

/// The number of a text that a person or a database wrote; `by_database`: only as databases write numbers,
/// without a plus sign and without zeros before the first digit.
std::optional<std::string> NumberOfText(std::string_view text, bool by_database) {
  if (by_database) {
    std::string_view digits = text;
    TakeOneOf(&digits, "-");
    const bool has_zero_first = digits.size() > 1 && digits[0] == '0' && IsDigit(digits[1]);
    if (has_zero_first || (!digits.empty() && digits[0] == '+')) return std::nullopt;
  }
  return NumberOf(text);
}

/// Absent: it is no number.
std::optional<std::string> NumberOfValue(const Literal& value, bool by_database) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return NumberOf(absl::StrCat(*integer));
  if (const auto* real = std::get_if<double>(&value)) return NumberOf(*real);
  if (const auto* text = std::get_if<std::string>(&value)) return NumberOfText(*text, by_database);
  return std::nullopt;
}

bool IsOneNumber(const Literal& a, const Literal& b, bool by_database) {
  const std::optional<std::string> number = NumberOfValue(a, by_database);
  return number && number == NumberOfValue(b, by_database);
}

bool IsOneMoment(const std::string& a, const std::string& b) {
  const std::optional<std::string> moment = MomentOf(a);
  return moment && moment == MomentOf(b);
}

}  // namespace

bool SaysTheSame(const Literal& a, const Literal& b, FormOf form) {
  if (a == b) return true;
  if (form == FormOf::kNothing) return false;
  const auto* const text = std::get_if<std::string>(&a);
  const auto* const other = std::get_if<std::string>(&b);
  if (text == nullptr || other == nullptr) return IsOneNumber(a, b, form != FormOf::kTyped);
  if (form == FormOf::kAny) return false;
  return IsOneMoment(*text, *other) || (form == FormOf::kTyped && IsOneNumber(a, b, false));
}

}  // namespace mirror
