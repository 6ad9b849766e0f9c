#include "client/source/odbc/odbc_row_decoder.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "base/utf8.h"

namespace mirror {
namespace {

// The protocol counts units of 100 nanoseconds from 0001-01-01.
constexpr std::int64_t kUnitsOfSecond = 10'000'000;
constexpr std::int64_t kSecondsOfDay = 86'400;
constexpr int kUnitDigits = 7;

void SetOdbcText(std::string_view text, Value* value) {
  value->kind = Kind::kText;
  value->bytes = text;
}

void SetOdbcInteger(std::int64_t integer, Value* value) {
  value->kind = Kind::kInteger;
  value->integer = integer;
}

template <typename Number>
std::optional<Number> ReadWhole(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// Exactly so many digits, from the front of `text`.
std::optional<std::int64_t> TakeDigits(std::size_t count, std::string_view* text) {
  if (text->size() < count) return std::nullopt;
  std::int64_t number = 0;
  for (const char digit : text->substr(0, count)) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(digit))) return std::nullopt;
    number = number * 10 + (digit - '0');
  }
  text->remove_prefix(count);
  return number;
}

bool TakeSign(char sign, std::string_view* text) {
  if (text->empty() || text->front() != sign) return false;
  text->remove_prefix(1);
  return true;
}

/// Days since 0001-01-01. Absent: it is no day of the years 1 to 9999.
std::optional<std::int64_t> TakeDays(std::string_view* text) {
  const auto year = TakeDigits(4, text);
  if (!year || !TakeSign('-', text)) return std::nullopt;
  const auto month = TakeDigits(2, text);
  if (!month || !TakeSign('-', text)) return std::nullopt;
  const auto day = TakeDigits(2, text);
  if (!day || *year < 1 || *month < 1 || *month > 12 || *day < 1) return std::nullopt;
  const bool is_leap = *year % 4 == 0 && (*year % 100 != 0 || *year % 400 == 0);
  constexpr int kDaysBefore[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
  const auto at = static_cast<std::size_t>(*month);
  const int length = kDaysBefore[at] - kDaysBefore[at - 1] + (*month == 2 && is_leap ? 1 : 0);
  if (*day > length) return std::nullopt;
  const std::int64_t past = *year - 1;
  return past * 365 + past / 4 - past / 100 + past / 400 + kDaysBefore[at - 1] +
         (*month > 2 && is_leap ? 1 : 0) + *day - 1;
}

/// Units of a time of the day. Absent: it is none, as 24:00:00 and 23:59:60.
std::optional<std::int64_t> TakeTime(std::string_view* text) {
  const auto hour = TakeDigits(2, text);
  if (!hour || !TakeSign(':', text)) return std::nullopt;
  const auto minute = TakeDigits(2, text);
  if (!minute) return std::nullopt;
  std::optional<std::int64_t> second = 0;
  if (TakeSign(':', text)) second = TakeDigits(2, text);
  if (!second || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  std::int64_t units = ((*hour * 60 + *minute) * 60 + *second) * kUnitsOfSecond;
  if (!TakeSign('.', text)) return units;
  std::int64_t unit = kUnitsOfSecond / 10;
  int digits = 0;
  for (; !text->empty() && absl::ascii_isdigit(static_cast<unsigned char>(text->front())); ++digits) {
    const int digit = text->front() - '0';
    // What a unit cannot hold would be lost.
    if (digits >= kUnitDigits && digit != 0) return std::nullopt;
    units += digit * unit;
    unit /= 10;
    text->remove_prefix(1);
  }
  return digits == 0 ? std::nullopt : std::optional<std::int64_t>(units);
}

std::optional<std::int64_t> UnitsOf(OdbcForm form, std::string_view text) {
  std::optional<std::int64_t> units;
  if (form == OdbcForm::kTime) {
    units = TakeTime(&text);
    return text.empty() ? units : std::nullopt;
  }
  const std::optional<std::int64_t> days = TakeDays(&text);
  if (!days) return std::nullopt;
  units = *days * kSecondsOfDay * kUnitsOfSecond;
  // Drivers give a day as the midnight that it begins with.
  if (form == OdbcForm::kTimestamp || !text.empty()) {
    if (text.empty()) return units;
    if (!TakeSign(' ', &text) && !TakeSign('T', &text)) return std::nullopt;
    const std::optional<std::int64_t> time = TakeTime(&text);
    if (!time || (form == OdbcForm::kDate && *time != 0)) return std::nullopt;
    *units += *time;
    // All sessions are in UTC.
    if (text == "+00" || text == "Z") text = {};
  }
  return text.empty() ? units : std::nullopt;
}

bool IsDecimal(std::string_view text) {
  if (!text.empty() && text.front() == '-') text.remove_prefix(1);
  const std::size_t dot = text.find('.');
  const auto is_digits = [](std::string_view part) {
    return !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
  };
  if (dot == std::string_view::npos) return is_digits(text);
  return is_digits(text.substr(0, dot)) && is_digits(text.substr(dot + 1));
}

/// False: it is none.
bool SetUuid(std::string_view text, std::string* bytes, Value* value) {
  std::string digits;
  for (const char sign : text) {
    if (sign != '-' && sign != '{' && sign != '}') digits += sign;
  }
  if (digits.size() != 32 || digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
    return false;
  *bytes = absl::HexStringToBytes(digits);
  value->kind = Kind::kBlob;
  value->bytes = *bytes;
  return true;
}

bool SetReal(std::string_view text, bool is_single, bool is_any, Value* value) {
  std::optional<double> real;
  if (is_single) {
    const std::optional<float> single = ReadWhole<float>(text);
    if (single) real = *single;
  } else {
    real = ReadWhole<double>(text);
  }
  if (!real || !std::isfinite(*real)) {
    SetOdbcText(text, value);
    return is_any;
  }
  value->kind = Kind::kReal;
  value->real = *real == 0 ? 0.0 : *real;  // No mirror keeps the sign of a zero.
  return true;
}

bool SetPlain(std::string_view text, bool is_any, Value* value) {
  SetOdbcText(text, value);
  if (IsText(text)) return true;
  value->kind = Kind::kRawText;
  return is_any;
}

/// A value that says itself what it is: whether the announced type takes it.
bool SetTagged(std::string_view text, const Column& announced, std::string* bytes, Value* value) {
  const Type type = announced.type;
  const bool is_any = type == Type::kAny;
  const char tag = text.empty() ? '?' : text.front();
  if (!text.empty()) text.remove_prefix(1);
  switch (tag) {
    case 'i': {
      const std::optional<std::int64_t> integer = ReadWhole<std::int64_t>(text);
      SetOdbcInteger(integer.value_or(0), value);
      return integer && (is_any || type == Type::kInt64);
    }
    case 'r':
      return SetReal(text, false, false, value) && (is_any || type == Type::kDouble);
    case 't':
      return SetPlain(text, is_any, value) && (is_any || type == Type::kText);
    case 'b':
    case 'x':
      *bytes = absl::HexStringToBytes(absl::string_view(text.data(), text.size()));
      value->bytes = *bytes;
      value->kind = tag == 'b' ? Kind::kBlob : Kind::kRawText;
      return is_any;
    default:
      return false;
  }
}

}  // namespace

bool OdbcRowDecoder::DecodeValue(std::size_t i, std::string_view data, std::string* text,
                                 Value* value) const {
  const Column& announced = announced_[i];
  const OdbcForm form = forms_[i];
  const bool is_any = announced.type == Type::kAny;
  switch (form) {
    case OdbcForm::kBool: {
      const bool is_true = data == "1" || data == "t" || data == "true";
      SetOdbcInteger(is_true ? 1 : 0, value);
      return is_true || data == "0" || data == "f" || data == "false";
    }
    case OdbcForm::kInteger: {
      const std::optional<std::int64_t> integer = ReadWhole<std::int64_t>(data);
      SetOdbcInteger(integer.value_or(0), value);
      return integer.has_value();
    }
    case OdbcForm::kReal:
    case OdbcForm::kSingle:
      return SetReal(data, form == OdbcForm::kSingle, is_any, value);
    case OdbcForm::kDecimal:
      SetOdbcText(data, value);
      return announced.type == Type::kText || IsDecimal(data);
    case OdbcForm::kDate:
    case OdbcForm::kTime:
    case OdbcForm::kTimestamp: {
      const std::optional<std::int64_t> units = UnitsOf(form, data);
      SetOdbcInteger(units.value_or(0), value);
      return units.has_value();
    }
    case OdbcForm::kUuid:
      return SetUuid(data, text, value);
    case OdbcForm::kBytes:
      value->kind = Kind::kBlob;
      value->bytes = data;
      return true;
    case OdbcForm::kTagged:
      return SetTagged(data, announced, text, value);
    case OdbcForm::kText:
      break;
  }
  return SetPlain(data, is_any, value);
}

}  // namespace mirror
