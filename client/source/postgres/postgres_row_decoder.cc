#include "client/source/postgres/postgres_row_decoder.h"

#include <cmath>
#include <optional>

#include "base/db/postgres/value.h"
#include "base/utf8.h"

namespace mirror {
namespace {

// The protocol counts units of 100 nanoseconds from 0001-01-01, PostgreSQL microseconds or days from
// 2000-01-01.
constexpr std::int64_t kUnitsOfMicro = 10;
constexpr std::int64_t kMicrosOfDay = 86'400'000'000;
constexpr std::int64_t kDaysToPostgres = 730'119;
constexpr std::int64_t kDaysEnd = 3'652'059;  // Behind 9999-12-31.

/// Absent: the protocol has none for it: an infinity, before the year 1 or after the year 9999.
std::optional<std::int64_t> UnitsOfDays(std::int64_t days) {
  if (days < -kDaysToPostgres || days >= kDaysEnd - kDaysToPostgres) return std::nullopt;
  return (days + kDaysToPostgres) * kMicrosOfDay * kUnitsOfMicro;
}

std::optional<std::int64_t> UnitsOfMicros(std::int64_t micros) {
  constexpr std::int64_t kBefore = kDaysToPostgres * kMicrosOfDay;
  constexpr std::int64_t kEnd = kDaysEnd * kMicrosOfDay - kBefore;
  if (micros < -kBefore || micros >= kEnd) return std::nullopt;
  return (micros + kBefore) * kUnitsOfMicro;
}

/// Absent: 24:00:00.
std::optional<std::int64_t> UnitsOfTime(std::int64_t micros) {
  if (micros < 0 || micros >= kMicrosOfDay) return std::nullopt;
  return micros * kUnitsOfMicro;
}

void SetInteger(std::int64_t integer, Value* value) {
  value->kind = Kind::kInteger;
  value->integer = integer;
}

void SetText(std::string_view text, Value* value) {
  value->kind = Kind::kText;
  value->bytes = text;
}

bool SetUnits(std::optional<std::int64_t> units, Value* value) {
  SetInteger(units.value_or(0), value);
  return units.has_value();
}

std::string_view WordOf(double real) {
  if (std::isnan(real)) return "NaN";
  return real > 0 ? "Infinity" : "-Infinity";
}

/// Of a numeric that is no number.
std::string_view WordOfNumeric(std::string_view binary) {
  const std::int64_t sign = binary.size() < 6 ? 0 : postgres::ReadInt(binary.substr(4, 2)) & 0xffff;
  if (sign == 0xd000) return "Infinity";
  return sign == 0xf000 ? "-Infinity" : "NaN";
}

}  // namespace

bool PostgresRowDecoder::DecodeValue(std::size_t i, std::string_view data, std::string* text,
                                     Value* value) const {
  const Column& announced = announced_[i];
  const bool is_any = announced.type == Type::kAny;
  switch (forms_[i]) {
    case PostgresValueForm::kBool:
    case PostgresValueForm::kInteger:
      SetInteger(postgres::ReadInt(data), value);
      return true;
    case PostgresValueForm::kOid:
      SetInteger(static_cast<std::uint32_t>(postgres::ReadInt(data)), value);
      return true;
    case PostgresValueForm::kReal: {
      const double real = postgres::ReadReal(data);
      if (!std::isfinite(real)) {
        SetText(WordOf(real), value);
        return is_any;
      }
      value->kind = Kind::kReal;
      value->real = real == 0 ? 0.0 : real;  // No mirror keeps the sign of a zero.
      return true;
    }
    case PostgresValueForm::kNumeric: {
      std::optional<std::string> number = postgres::ReadNumeric(data);
      if (number) {
        *text = *std::move(number);
        SetText(*text, value);
        return true;
      }
      SetText(WordOfNumeric(data), value);
      return announced.type == Type::kText;
    }
    case PostgresValueForm::kDate:
      return SetUnits(UnitsOfDays(postgres::ReadInt(data)), value);
    case PostgresValueForm::kTime:
      return SetUnits(UnitsOfTime(postgres::ReadInt(data)), value);
    case PostgresValueForm::kTimestamp:
      return SetUnits(UnitsOfMicros(postgres::ReadInt(data)), value);
    case PostgresValueForm::kUuid:
    case PostgresValueForm::kBytes:
      value->kind = Kind::kBlob;
      value->bytes = data;
      return true;
    case PostgresValueForm::kText:
      break;
  }
  SetText(data, value);
  if (IsText(data)) return true;
  value->kind = Kind::kRawText;
  return is_any;
}

}  // namespace mirror
