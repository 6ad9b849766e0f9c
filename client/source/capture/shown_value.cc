#include "client/source/capture/shown_value.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/source/capture/capture_rule.h"
#include "proto/wire/text_form.h"

namespace mirror {
namespace {

/// Returns the text form of a column's least value.
std::string LeastText(const Column& column) {
  const bool timed = column.type != Type::kDate;
  std::string text = column.type == Type::kTime ? "00:00:00" : timed ? "0001-01-01 00:00:00" : "0001-01-01";
  if (timed && column.precision > 0) text += "." + std::string(column.precision, '0');
  if (column.type == Type::kTimestampTz) text += "Z";
  return text;
}

/// Parses a text that may have been cut.
std::optional<std::int64_t> ReadCut(const Column& column, std::string text) {
  const std::string least = LeastText(column);
  if (column.type == Type::kTimestampTz && text.size() < least.size() && text.ends_with('Z')) text.pop_back();
  if (text.size() < least.size()) text += least.substr(text.size());
  return ParseTextForm(column, text);
}

/// A DECIMAL split into its components.
struct Number {
  bool negative = false;
  std::string_view whole, fraction;  ///< Without insignificant zeros.
};

Number Read(std::string_view text) {
  Number number;
  if (text.starts_with('-')) {
    number.negative = true;
    text.remove_prefix(1);
  }
  const std::size_t dot = std::min(text.find('.'), text.size());
  number.whole = text.substr(0, dot);
  number.whole.remove_prefix(std::min(number.whole.find_first_not_of('0'), number.whole.size()));
  number.fraction = text.substr(std::min(dot + 1, text.size()));
  number.fraction = number.fraction.substr(0, number.fraction.find_last_not_of('0') + 1);
  if (number.whole.empty() && number.fraction.empty()) number.negative = false;
  return number;
}

bool IsNearerToZero(const Number& a, const Number& b) {
  if (a.whole.size() != b.whole.size()) return a.whole.size() < b.whole.size();
  return a.whole != b.whole ? a.whole < b.whole : a.fraction < b.fraction;
}

/// Returns the text of a DECIMAL. Empty: the value is no DECIMAL.
std::string DecimalText(const KeyPart& part) {
  if (part.kind == Kind::kText) return part.bytes;
  return part.kind == Kind::kInteger && !(part == BeforeAll()) ? absl::StrCat(part.integer) : "";
}

KeyPart TextPart(std::string text) { return {Kind::kText, 0, 0, std::move(text)}; }

}  // namespace

KeyPart ShownValue(const Column& column, KeyPart given) {
  const Kind kind = column.type == Type::kUuid ? Kind::kBlob : Kind::kInteger;
  if (!HasTextForm(column.type) || given.kind != kind) return given;
  return TextPart(TextForm(column, given.integer, given.bytes));
}

absl::StatusOr<KeyPart> GivenValue(const Column& column, KeyPart shown) {
  if (column.type == Type::kDecimal) {
    std::string text = DecimalText(shown);
    return text.empty() ? std::move(shown) : TextPart(std::move(text));
  }
  if (!HasTextForm(column.type) || shown.kind == Kind::kNull || shown == BeforeAll()) return shown;
  if (shown.kind == Kind::kText && column.type == Type::kUuid) {
    if (std::optional<std::string> bytes = ParseUuid(shown.bytes)) {
      return KeyPart{Kind::kBlob, 0, 0, *std::move(bytes)};
    }
  } else if (shown.kind == Kind::kText) {
    if (const auto units = ReadCut(column, shown.bytes)) return KeyPart{Kind::kInteger, *units, 0, ""};
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "not a value of column '", column.name, "', which has the type ", std::string(ToString(column.type))));
}

bool IsBelow(const Column& column, const KeyPart& a, const KeyPart& b) {
  if (column.type != Type::kDecimal) return a < b;
  const std::string first = DecimalText(a), second = DecimalText(b);
  if (first.empty() || second.empty()) return a < b;
  const Number one = Read(first), other = Read(second);
  if (one.negative != other.negative) return one.negative;
  return one.negative ? IsNearerToZero(other, one) : IsNearerToZero(one, other);
}

KeyPart CutPointer(const Column& column, const KeyPart& pointer, const Precision& precision) {
  if (column.type != Type::kDecimal || pointer.kind != Kind::kText) return CutToPrecision(pointer, precision);
  KeyPart whole{Kind::kInteger, 0, 0, ""};
  const std::string& text = pointer.bytes;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), whole.integer);
  // Without a step, and for a value too long for an integer, nothing is cut.
  if (precision.step <= 0 || read.ec != std::errc{}) return pointer;
  // Parsing cut the number towards zero.
  const Number number = Read(text);
  if (number.negative && !number.fraction.empty() && whole.integer > INT64_MIN + 1) --whole.integer;
  return CutToPrecision(whole, precision);
}

}  // namespace mirror
