#include "tools/mirrorctl/parquet_output.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/parquet/column_chunk.h"
#include "base/status_macros.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"
#include "tools/mirrorctl/row_output.h"

namespace mirror {
namespace {

constexpr std::uint32_t kDigitsOfInt64 = 18, kDigitsOfInt128 = 38;
constexpr std::uint32_t kDigitsOfMicros = 6;
constexpr std::size_t kInt128Bytes = 16, kUuidBytes = 16;

// Times are in units of 100 ns; with a date they count from 0001-01-01. Parquet counts from 1970.
constexpr std::int64_t kUnitsOfDay = 864'000'000'000, kUnitsOfMicro = 10, kNanosOfUnit = 100;
constexpr std::int64_t kDaysTo1970 = 719'162;
constexpr std::int64_t kMicrosTo1970 = kDaysTo1970 * (kUnitsOfDay / kUnitsOfMicro);

bool IsMicros(const Column& column) { return column.precision <= kDigitsOfMicros; }

/// Returns the number in `text` in units of the column's last digit. Absent: it is no such number.
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
        absl::StrCat("column '", column.name, "' has a value that is not a DECIMAL(", column.precision, ",",
                     column.scale, "). Export the table as csv or ndjson, which keep the texts unchanged."));
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

/// Returns the Parquet column for `column`; for ANY the column of its texts.
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

/// Appends a value of `column` that is not NULL. `chunk`: a chunk of ParquetColumnOf(column). Errors:
/// kFailedPrecondition with the column's name: the value does not fit the column's type.
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

std::vector<ParquetColumn> ColumnsOf(const TableSchema& table) {
  std::vector<ParquetColumn> columns;
  for (const Column& column : table.columns) {
    columns.push_back(ParquetColumnOf(column));
    if (column.type != Type::kAny) continue;
    ParquetColumn kind = columns.back();
    kind.name = KindColumn(table, column);
    columns.push_back(std::move(kind));
  }
  return columns;
}

class Parquet final : public RowOutput {
 public:
  Parquet(const TableSchema& table, ByteSink sink, RowGroupMax most)
      : table_(table), writer_(ColumnsOf(table), std::move(sink), most) {}

  absl::Status Begin() override { return absl::OkStatus(); }

  absl::Status Write(std::span<const ColumnView> columns, std::uint32_t rows) override {
    for (std::uint32_t row = 0; row < rows; ++row) {
      std::size_t to = 0;
      for (std::size_t i = 0; i < columns.size(); ++i) {
        const Column& column = table_.columns[i];
        const Value value = columns[i].At(row);
        RETURN_IF_ERROR(Append(column, value, &writer_.column(to++)));
        if (column.type == Type::kAny) AppendKind(value.kind, &writer_.column(to++));
      }
      RETURN_IF_ERROR(writer_.EndRow());
    }
    return absl::OkStatus();
  }

  absl::Status End(const ExportNotes& notes) override {
    return writer_.Finish(notes, "partner-mirror version " MIRROR_VERSION);
  }

 private:
  static absl::Status Append(const Column& column, const Value& value, ColumnChunk* chunk) {
    if (value.kind != Kind::kNull) return AppendParquet(column, value, chunk);
    chunk->AppendNull();
    return absl::OkStatus();
  }
  static void AppendKind(Kind kind, ColumnChunk* chunk) {
    if (kind == Kind::kNull) return chunk->AppendNull();
    chunk->AppendBytes(KindWord(kind));
  }

  const TableSchema& table_;
  ParquetWriter writer_;
};

}  // namespace

std::unique_ptr<RowOutput> ParquetOutput(const TableSchema& table, ByteSink sink, RowGroupMax most) {
  return std::make_unique<Parquet>(table, std::move(sink), most);
}

}  // namespace mirror
