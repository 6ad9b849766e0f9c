#include "client/source/postgres/text_values.h"

#include <charconv>
#include <chrono>
#include <cmath>

#include "absl/strings/escaping.h"
#include "base/db/postgres/value.h"
#include "base/utf8.h"

namespace mirror {
namespace {

// The protocol counts units of 100 nanoseconds from 0001-01-01.
constexpr std::int64_t kUnitsInMicro = 10;
constexpr std::int64_t kMicrosOfSecond = 1'000'000;
constexpr std::int64_t kSecondsOfDay = 86'400;
constexpr std::chrono::sys_days kFirstDay = std::chrono::year(1) / 1 / 1;

template <typename Number>
std::optional<Number> NumberOf(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Value IntegerOf(std::int64_t integer) {
  Value value;
  value.kind = Kind::kInteger;
  value.integer = integer;
  return value;
}

Value TextOf(std::string_view text) {
  Value value;
  value.kind = Kind::kText;
  value.bytes = text;
  return value;
}

std::optional<Value> IntegerIn(std::string_view text) {
  const std::optional<std::int64_t> number = NumberOf<std::int64_t>(text);
  if (!number) return std::nullopt;
  return IntegerOf(*number);
}

std::optional<Value> RealIn(std::string_view text, bool single, bool is_any) {
  const std::optional<double> real =
      single ? std::optional<double>(NumberOf<float>(text)) : NumberOf<double>(text);
  if (!real) return std::nullopt;
  if (!std::isfinite(*real)) return is_any ? std::optional<Value>(TextOf(text)) : std::nullopt;
  Value value;
  value.kind = Kind::kReal;
  value.real = *real == 0 ? 0.0 : *real;  // No mirror keeps the sign of a zero.
  return value;
}

/// Takes exactly this many digits from the front.
std::optional<std::int64_t> TakeDigits(std::string_view* text, std::size_t count) {
  if (text->size() < count) return std::nullopt;
  std::int64_t number = 0;
  for (const char c : text->substr(0, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  text->remove_prefix(count);
  return number;
}

bool TakeSign(std::string_view* text, char sign) {
  if (text->empty() || text->front() != sign) return false;
  text->remove_prefix(1);
  return true;
}

/// Returns days since 0001-01-01. Absent: a year of more than four digits, an infinity.
std::optional<std::int64_t> TakeDays(std::string_view* text) {
  const auto year = TakeDigits(text, 4);
  if (!year || !TakeSign(text, '-')) return std::nullopt;
  const auto month = TakeDigits(text, 2);
  if (!month || !TakeSign(text, '-')) return std::nullopt;
  const auto day = TakeDigits(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (*year < 1 || !date.ok()) return std::nullopt;
  return (std::chrono::sys_days(date) - kFirstDay).count();
}

/// Returns microseconds of the day. Absent: 24:00:00.
std::optional<std::int64_t> TakeMicros(std::string_view* text) {
  const auto hour = TakeDigits(text, 2);
  if (!hour || *hour > 23 || !TakeSign(text, ':')) return std::nullopt;
  const auto minute = TakeDigits(text, 2);
  if (!minute || !TakeSign(text, ':')) return std::nullopt;
  const auto second = TakeDigits(text, 2);
  if (!second) return std::nullopt;
  std::int64_t micros = 0;
  if (TakeSign(text, '.')) {
    std::int64_t unit = kMicrosOfSecond / 10;
    for (; unit > 0 && !text->empty() && text->front() >= '0' && text->front() <= '9'; unit /= 10) {
      micros += (text->front() - '0') * unit;
      text->remove_prefix(1);
    }
  }
  return ((*hour * 60 + *minute) * 60 + *second) * kMicrosOfSecond + micros;
}

/// A date without a time means its midnight. Remaining text, such as " BC", has no valid form.
std::optional<Value> MomentIn(std::string_view text, bool has_date, bool has_time) {
  std::int64_t units = 0;
  if (has_date) {
    const std::optional<std::int64_t> days = TakeDays(&text);
    if (!days) return std::nullopt;
    units += *days * kSecondsOfDay * kMicrosOfSecond * kUnitsInMicro;
  }
  if (has_date && has_time && !TakeSign(&text, ' ')) return std::nullopt;
  if (has_time) {
    const std::optional<std::int64_t> micros = TakeMicros(&text);
    if (!micros) return std::nullopt;
    units += *micros * kUnitsInMicro;
    // The zone is fixed.
    if (has_date && text == "+00") text = {};
  }
  if (!text.empty()) return std::nullopt;
  return IntegerOf(units);
}

std::optional<Value> NumericIn(std::string_view text, Type type) {
  if (text == "NaN" || text == "Infinity" || text == "-Infinity") {
    return type == Type::kText ? std::optional<Value>(TextOf(text)) : std::nullopt;
  }
  return TextOf(text);
}

}  // namespace

PostgresTextColumn TextColumnOf(const PostgresColumn& column, const Column& announced) {
  return {FormOf(column, announced), announced,
          static_cast<postgres::Type>(column.type) == postgres::Type::kFloat4};
}

std::optional<Value> PostgresTextValues::Decode(const PostgresTextColumn& column, std::string_view text) {
  const bool is_any = column.announced.type == Type::kAny;
  switch (column.form) {
    case PostgresValueForm::kBool:
      return text == "t" || text == "f" ? std::optional<Value>(IntegerOf(text == "t" ? 1 : 0)) : std::nullopt;
    case PostgresValueForm::kInteger:
    case PostgresValueForm::kOid:
      return IntegerIn(text);
    case PostgresValueForm::kReal:
      return RealIn(text, column.single, is_any);
    case PostgresValueForm::kNumeric:
      return NumericIn(text, column.announced.type);
    case PostgresValueForm::kDate:
      return MomentIn(text, /*has_date=*/true, /*has_time=*/false);
    case PostgresValueForm::kTime:
      return MomentIn(text, /*has_date=*/false, /*has_time=*/true);
    case PostgresValueForm::kTimestamp:
      return MomentIn(text, /*has_date=*/true, /*has_time=*/true);
    case PostgresValueForm::kUuid:
      return DecodeBytes(text, /*is_uuid=*/true);
    case PostgresValueForm::kBytes:
      return DecodeBytes(text, /*is_uuid=*/false);
    case PostgresValueForm::kText:
      break;
  }
  Value value = TextOf(text);
  if (IsText(text)) return value;
  value.kind = Kind::kRawText;
  return is_any ? std::optional<Value>(value) : std::nullopt;
}

std::optional<Literal> MissingLiteral(const PostgresColumn& column, const Column& announced) {
  if (!column.missing) return std::nullopt;
  PostgresTextValues values;
  const std::optional<Value> value = values.Decode(TextColumnOf(column, announced), *column.missing);
  if (!value) return std::nullopt;
  std::optional<Literal> literal;
  if (value->kind == Kind::kInteger) literal = value->integer;
  if (value->kind == Kind::kReal) literal = value->real;
  if (value->kind == Kind::kText) literal = std::string(value->bytes);
  if (value->kind == Kind::kBlob) literal = Bytes{std::string(value->bytes)};
  if (literal && !CheckLiteral(announced, *literal).ok()) return std::nullopt;
  return literal;
}

std::optional<Value> PostgresTextValues::DecodeBytes(std::string_view text, bool is_uuid) {
  std::string digits;
  if (is_uuid) {
    constexpr std::size_t kUuidDigits = 32;
    for (const char c : text) {
      if (c != '-') digits.push_back(c);
    }
    if (digits.size() != kUuidDigits) return std::nullopt;
  } else {
    if (text.substr(0, 2) != "\\x" || text.size() % 2 != 0) return std::nullopt;
    digits = text.substr(2);
  }
  if (digits.find_first_not_of("0123456789abcdef") != std::string::npos) return std::nullopt;
  Value value;
  value.kind = Kind::kBlob;
  value.bytes = bytes_.emplace_back(absl::HexStringToBytes(digits));
  return value;
}

}  // namespace mirror
