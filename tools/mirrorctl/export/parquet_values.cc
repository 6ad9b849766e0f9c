#include "tools/mirrorctl/export/parquet_values.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "tools/mirrorctl/export/row_output.h"

namespace mirror {
namespace {

constexpr std::uint32_t kDigitsOfInt64 = 18, kDigitsOfInt128 = 38;
constexpr std::uint32_t kDigitsOfMicros = 6;
constexpr std::size_t kInt128Bytes = 16, kUuidBytes = 16;

// Times are units of 100 ns, since 0001-01-01 where they have a day; Parquet's begin with 1970.
constexpr std::int64_t kUnitsOfDay = 864'000'000'000, kUnitsOfMicro = 10, kNanosOfUnit = 100;
constexpr std::int64_t kDaysTo1970 = 719'162;
constexpr std::int64_t kMicrosTo1970 = kDaysTo1970 * (kUnitsOfDay / kUnitsOfMicro);

bool IsMicros(const Column& column) { return column.precision <= kDigitsOfMicros; }

/// `text` as a whole number of units of the column's last digit; absent: it is none.
std::optional<absl::int128> UnscaledOf(const Column& column, std::string_view text) {
  const bool is_negative = text.starts_with('-');
  if (is_negative) text.remove_prefix(1);
  absl::int128 number = 0;
  std::uint32_t digits = 0, behind = 0;
  bool has_dot = false;
  for (const char c : text) {
    if (c == '.' && !has_dot) {
      has_dot = true;
      continue;
    }
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
    if (number != 0) ++digits;
    if (has_dot) ++behind;
    if (digits > column.precision) return std::nullopt;
  }
  if (behind > column.scale) return std::nullopt;
  for (; behind < column.scale; ++behind) {
    number *= 10;
    if (number != 0 && ++digits > column.precision) return std::nullopt;
  }
  return is_negative ? -number : number;
}

absl::Status AppendDecimal(const Column& column, const Value& value, ColumnChunk* chunk) {
  const std::optional<absl::int128> number = UnscaledOf(column, value.bytes);
  if (!number) {
    return absl::FailedPreconditionError(
        absl::StrCat("column '", column.name, "' holds what is no DECIMAL(", column.precision, ",",
                     column.scale, "). Export it as csv or ndjson, which take the texts as they stand."));
  }
  if (column.precision <= kDigitsOfInt64) {
    chunk->AppendInt64(static_cast<std::int64_t>(*number));
    return absl::OkStatus();
  }
  std::array<char, kInt128Bytes> bytes{};
  absl::uint128 rest = static_cast<absl::uint128>(*number);
  for (std::size_t i = bytes.size(); i-- > 0; rest >>= 8) {
    bytes[i] = static_cast<char>(absl::Uint128Low64(rest) & 0xFF);
  }
  chunk->AppendBytes({bytes.data(), bytes.size()});
  return absl::OkStatus();
}

void SetText(ParquetColumn* to) {
  to->type = ParquetType::kByteArray;
  to->meaning = ParquetMeaning::kString;
}

void SetDecimal(const Column& column, ParquetColumn* to) {
  if (column.precision == 0 || column.precision > kDigitsOfInt128) return SetText(to);
  to->meaning = ParquetMeaning::kDecimal;
  to->precision = static_cast<std::int32_t>(column.precision);
  to->scale = static_cast<std::int32_t>(column.scale);
  to->type = ParquetType::kInt64;
  if (column.precision <= kDigitsOfInt64) return;
  to->type = ParquetType::kFixedBytes;
  to->length = kInt128Bytes;
}

void SetTimestamp(const Column& column, ParquetMeaning meaning, ParquetColumn* to) {
  if (!IsMicros(column)) return SetText(to);
  to->type = ParquetType::kInt64;
  to->meaning = meaning;
}

}  // namespace

ParquetColumn ParquetColumnOf(const Column& column) {
  ParquetColumn to;
  to.name = column.name;
  to.nullable = column.nullable && column.key_position == 0;
  switch (column.type) {
    case Type::kBool:
      to.type = ParquetType::kBoolean;
      break;
    case Type::kInt16:
      to.type = ParquetType::kInt32;
      to.meaning = ParquetMeaning::kInt16;
      break;
    case Type::kInt32:
      to.type = ParquetType::kInt32;
      break;
    case Type::kInt64:
      to.type = ParquetType::kInt64;
      break;
    case Type::kFloat:
      to.type = ParquetType::kFloat;
      break;
    case Type::kDouble:
      to.type = ParquetType::kDouble;
      break;
    case Type::kDecimal:
      SetDecimal(column, &to);
      break;
    case Type::kBytes:
      to.type = ParquetType::kByteArray;
      break;
    case Type::kDate:
      to.type = ParquetType::kInt32;
      to.meaning = ParquetMeaning::kDate;
      break;
    case Type::kTime:
      to.type = ParquetType::kInt64;
      to.meaning = IsMicros(column) ? ParquetMeaning::kTimeMicros : ParquetMeaning::kTimeNanos;
      break;
    case Type::kTimestamp:
      SetTimestamp(column, ParquetMeaning::kTimestampMicros, &to);
      break;
    case Type::kTimestampTz:
      SetTimestamp(column, ParquetMeaning::kInstantMicros, &to);
      break;
    case Type::kUuid:
      to.type = ParquetType::kFixedBytes;
      to.meaning = ParquetMeaning::kUuid;
      to.length = kUuidBytes;
      break;
    case Type::kText:
    case Type::kAny:
    case Type::kUnspecified:
      SetText(&to);
      break;
  }
  return to;
}

absl::Status AppendParquet(const Column& column, const Value& value, ColumnChunk* chunk) {
  switch (column.type) {
    case Type::kBool:
      chunk->AppendBool(value.integer != 0);
      return absl::OkStatus();
    case Type::kInt16:
    case Type::kInt32:
      chunk->AppendInt32(static_cast<std::int32_t>(value.integer));
      return absl::OkStatus();
    case Type::kInt64:
      chunk->AppendInt64(value.integer);
      return absl::OkStatus();
    case Type::kFloat:
      chunk->AppendFloat(static_cast<float>(value.real));
      return absl::OkStatus();
    case Type::kDouble:
      chunk->AppendDouble(value.real);
      return absl::OkStatus();
    case Type::kDecimal:
      if (column.precision != 0 && column.precision <= kDigitsOfInt128) {
        return AppendDecimal(column, value, chunk);
      }
      break;
    case Type::kDate:
      chunk->AppendInt32(static_cast<std::int32_t>(value.integer / kUnitsOfDay - kDaysTo1970));
      return absl::OkStatus();
    case Type::kTime:
      chunk->AppendInt64(IsMicros(column) ? value.integer / kUnitsOfMicro : value.integer * kNanosOfUnit);
      return absl::OkStatus();
    case Type::kTimestamp:
    case Type::kTimestampTz:
      if (!IsMicros(column)) break;
      chunk->AppendInt64(value.integer / kUnitsOfMicro - kMicrosTo1970);
      return absl::OkStatus();
    case Type::kText:
    case Type::kBytes:
    case Type::kUuid:
      chunk->AppendBytes(value.bytes);
      return absl::OkStatus();
    case Type::kAny:
    case Type::kUnspecified:
      break;
  }
  std::string text;
  AppendText(column, value, &text);
  chunk->AppendBytes(text);
  return absl::OkStatus();
}

}  // namespace mirror
