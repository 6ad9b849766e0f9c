#include "client/source/postgres/postgres_types.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/db/postgres/name.h"
#include "base/db/postgres/value.h"
#include "base/digest.h"
#include "base/utf8.h"
#include "proto/wire/limits.h"
#include "proto/wire/text_form.h"

namespace mirror {
namespace {

using PgType = postgres::Type;

constexpr std::uint32_t kMicroDigits = 6;

PgType TypeOf(const PostgresColumn& column) { return static_cast<PgType>(column.type); }

std::string NameOf(const PostgresColumn& column) { return absl::StrCat("t.", QuoteName(column.name)); }

void SetNumeric(std::int32_t modifier, Column* wire) {
  wire->type = Type::kText;
  constexpr std::int32_t kHeader = 4;
  if (modifier < kHeader) return;
  const std::int32_t precision = ((modifier - kHeader) >> 16) & 0xffff;
  // A number of 11 bits with a sign.
  const std::int32_t scale = (((modifier - kHeader) & 0x7ff) ^ 0x400) - 0x400;
  const std::int32_t digits = std::max(scale < 0 ? precision - scale : precision, scale);
  if (digits > static_cast<std::int32_t>(kDecimalDigitsMax)) return;
  wire->type = Type::kDecimal;
  wire->precision = static_cast<std::uint32_t>(digits);
  wire->scale = static_cast<std::uint32_t>(std::max(scale, 0));
}

void SetSeconds(Type type, std::int32_t modifier, Column* wire) {
  wire->type = type;
  wire->precision = modifier < 0 ? kMicroDigits : static_cast<std::uint32_t>(modifier);
}

std::string Shortest(double real) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), real).ptr;
  return {text.data(), end};
}

std::set<std::uint32_t> ParseLeaves(const std::string& text) {
  std::set<std::uint32_t> leaves;
  for (const absl::string_view word : absl::StrSplit(text, ',')) {
    std::uint32_t oid = 0;
    if (absl::SimpleAtoi(word, &oid)) leaves.insert(oid);
  }
  return leaves;
}

// The protocol counts units of 100 nanoseconds from 0001-01-01, PostgreSQL microseconds or days from
// 2000-01-01.
constexpr std::int64_t kUnitsOfMicro = 10;
constexpr std::int64_t kMicrosOfDay = 86'400'000'000;
constexpr std::int64_t kDaysToPostgres = 730'119;
constexpr std::int64_t kDaysEnd = 3'652'059;  // After 9999-12-31.

/// Absent: the protocol cannot hold it: an infinity, before the year 1 or after the year 9999.
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

/// Returns the word of a numeric that is not a number.
std::string_view WordOfNumeric(std::string_view binary) {
  const std::int64_t sign = binary.size() < 6 ? 0 : postgres::ReadInt(binary.substr(4, 2)) & 0xffff;
  if (sign == 0xd000) return "Infinity";
  return sign == 0xf000 ? "-Infinity" : "NaN";
}

}  // namespace

Column WireColumn(const PostgresColumn& column, bool any_bytes) {
  Column wire;
  wire.name = column.name;
  wire.nullable = !column.not_null;
  wire.column_id = static_cast<std::uint64_t>(column.number);
  switch (TypeOf(column)) {
    case PgType::kBool:
      wire.type = Type::kBool;
      break;
    case PgType::kInt2:
      wire.type = Type::kInt16;
      break;
    case PgType::kInt4:
      wire.type = Type::kInt32;
      break;
    case PgType::kInt8:
    case PgType::kOid:
      wire.type = Type::kInt64;
      break;
    case PgType::kFloat4:
      wire.type = Type::kFloat;
      break;
    case PgType::kFloat8:
      wire.type = Type::kDouble;
      break;
    case PgType::kNumeric:
      SetNumeric(column.modifier, &wire);
      break;
    case PgType::kDate:
      wire.type = Type::kDate;
      break;
    case PgType::kTime:
      SetSeconds(Type::kTime, column.modifier, &wire);
      break;
    case PgType::kTimestamp:
      SetSeconds(Type::kTimestamp, column.modifier, &wire);
      break;
    case PgType::kTimestamptz:
      SetSeconds(Type::kTimestampTz, column.modifier, &wire);
      break;
    case PgType::kUuid:
      wire.type = Type::kUuid;
      break;
    case PgType::kBytea:
      wire.type = Type::kBytes;
      break;
    default:
      wire.type = Type::kText;
  }
  // Numbers are ASCII in any encoding.
  if (any_bytes && wire.type == Type::kText && TypeOf(column) != PgType::kNumeric) WidenPostgresColumn(&wire);
  return wire;
}

void WidenPostgresColumn(Column* column) {
  if (column->type == Type::kAny) return;
  const bool is_real = column->type == Type::kFloat || column->type == Type::kDouble;
  column->type = Type::kAny;
  column->affinity = is_real ? Affinity::kReal : Affinity::kText;
  column->length = column->precision = column->scale = 0;
}

TableSchema StepsSchema(const PostgresTable& table, const TableSchema& schema) {
  TableSchema numbers = schema;
  for (std::size_t i = 0; i < numbers.columns.size(); ++i) {
    if (TypeOf(table.columns[i]) == PgType::kNumeric) numbers.columns[i].type = Type::kDecimal;
  }
  return numbers;
}

PostgresValueForm FormOf(const PostgresColumn& column, const Column& announced) {
  const bool is_wide = announced.type == Type::kAny && announced.affinity != Affinity::kReal;
  if (is_wide) return PostgresValueForm::kText;
  switch (TypeOf(column)) {
    case PgType::kBool:
      return PostgresValueForm::kBool;
    case PgType::kInt2:
    case PgType::kInt4:
    case PgType::kInt8:
      return PostgresValueForm::kInteger;
    case PgType::kOid:
      return PostgresValueForm::kOid;
    case PgType::kFloat4:
    case PgType::kFloat8:
      return PostgresValueForm::kReal;
    case PgType::kNumeric:
      return PostgresValueForm::kNumeric;
    case PgType::kDate:
      return PostgresValueForm::kDate;
    case PgType::kTime:
      return PostgresValueForm::kTime;
    case PgType::kTimestamp:
    case PgType::kTimestamptz:
      return PostgresValueForm::kTimestamp;
    case PgType::kUuid:
      return PostgresValueForm::kUuid;
    case PgType::kBytea:
      return PostgresValueForm::kBytes;
    default:
      return PostgresValueForm::kText;
  }
}

std::string ValueSql(const PostgresColumn& column, const Column& announced) {
  const std::string name = NameOf(column);
  if (FormOf(column, announced) != PostgresValueForm::kText || column.sends_text) return name;
  // format() calls the type's output function, as a COPY in text and the change log do; a cast to text does
  // not for char(n), inet and others. IS NULL would also be true for a row of NULLs.
  return absl::StrCat("CASE WHEN ", name, " IS DISTINCT FROM NULL THEN format('%s', ", name, ") END");
}

std::string TextOfKeyPart(const Column& announced, const KeyPart& part) {
  switch (part.kind) {
    case Kind::kInteger:
      if (announced.type == Type::kBool) return part.integer != 0 ? "t" : "f";
      if (HasTextForm(announced.type)) return TextForm(announced, part.integer, "");
      return absl::StrCat(part.integer);
    case Kind::kReal:
      return Shortest(part.real);
    case Kind::kBlob:
      if (announced.type == Type::kUuid) return UuidText(part.bytes);
      return absl::StrCat("\\x", absl::BytesToHexString(part.bytes));
    default:
      return part.bytes;
  }
}

std::string FromSql(const PostgresColumn& column, const Column& announced, const KeyPart& from,
                    bool bytes_in_order) {
  const PostgresValueForm form = FormOf(column, announced);
  const bool by_number = from.kind == Kind::kInteger &&
                         (form == PostgresValueForm::kInteger || form == PostgresValueForm::kDate ||
                          form == PostgresValueForm::kTime || form == PostgresValueForm::kTimestamp);
  const bool is_text = TypeOf(column) == PgType::kText || TypeOf(column) == PgType::kVarchar;
  const bool by_text = from.kind == Kind::kText && announced.type == Type::kText && is_text && bytes_in_order;
  // DECIMAL counts as a number; its bound may be an integer.
  const bool by_decimal =
      announced.type == Type::kDecimal &&
      (from.kind == Kind::kInteger ||
       (from.kind == Kind::kText && from.bytes.find_first_not_of("-.0123456789") == std::string::npos));
  if (!by_number && !by_text && !by_decimal) return "";
  const absl::StatusOr<std::string> text = postgres::QuotedText(TextOfKeyPart(announced, from));
  if (!text.ok()) return "";
  // A wider type than the column's: the bound may be out of its range.
  const std::string type = form == PostgresValueForm::kInteger ? "int8" : column.type_name;
  return by_text ? absl::StrCat(NameOf(column), " COLLATE \"C\" >= ", *text)
                 : absl::StrCat(NameOf(column), " >= ", *text, "::", type);
}

void PostgresRecord::TakeLeaves(std::set<std::uint32_t> now) {
  std::vector<std::uint32_t> lost;
  std::set_difference(leaves.begin(), leaves.end(), now.begin(), now.end(), std::back_inserter(lost));
  if (!lost.empty()) gone = std::max<std::uint64_t>(ShortDigest(absl::StrJoin(lost, ","), gone), 1);
  leaves = std::move(now);
}

std::string ToString(const PostgresRecord& record) {
  std::vector<std::string> words;
  for (const auto& [number, found] : record.columns) {
    words.push_back(absl::StrCat(number, "=", found.type, found.wide ? "w" : "", found.null ? "n" : ""));
  }
  if (!record.told.empty()) words.push_back(absl::StrCat("told=", record.told));
  if (!record.leaves.empty()) words.push_back(absl::StrCat("leaves=", absl::StrJoin(record.leaves, ",")));
  if (record.gone != 0) words.push_back(absl::StrCat("gone=", record.gone));
  return absl::StrJoin(words, " ");
}

PostgresRecord ParsePostgresRecord(std::string_view text) {
  PostgresRecord record;
  for (const absl::string_view word : absl::StrSplit(absl::string_view(text.data(), text.size()), ' ')) {
    const std::vector<std::string> sides = absl::StrSplit(word, absl::MaxSplits('=', 1));
    if (sides.size() != 2) continue;
    if (sides[0] == "told") record.told = sides[1];
    if (sides[0] == "leaves") record.leaves = ParseLeaves(sides[1]);
    if (sides[0] == "gone" && !absl::SimpleAtoi(sides[1], &record.gone)) record.gone = 0;
    std::int64_t number = 0;
    PostgresRecord::Found found;
    const std::size_t letters = std::min(sides[1].find_first_not_of("0123456789"), sides[1].size());
    if (!absl::SimpleAtoi(sides[0], &number) || !absl::SimpleAtoi(sides[1].substr(0, letters), &found.type))
      continue;
    found.wide = sides[1].find('w', letters) != std::string::npos;
    found.null = sides[1].find('n', letters) != std::string::npos;
    record.columns[number] = found;
  }
  return record;
}

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
