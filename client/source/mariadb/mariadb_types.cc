#include "client/source/mariadb/mariadb_types.h"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/db/mariadb/name.h"
#include "base/digest.h"
#include "base/utf8.h"
#include "proto/wire/text_form.h"

namespace mirror {
namespace {

/// Digits of BIGINT UNSIGNED, and of BIT(64).
constexpr std::uint32_t kWideDigits = 20;
constexpr std::uint32_t kBitsOfInteger = 63;
/// 9999-12-31 23:59:59.9999999
constexpr std::int64_t kUnitsMax = 3'155'378'975'999'999'999;
constexpr std::size_t kTypeMarkLength = 8;

std::string NameInRow(const MariadbColumn& column, std::string_view of = "t.") {
  const absl::StatusOr<std::string> quoted = mariadb::QuotedName(column.name);
  // A table with such a column has a problem and is not read.
  return absl::StrCat(std::string(of), quoted.ok() ? *quoted : "``");
}

Type IntegerTypeOf(const MariadbColumn& column) {
  const bool is_unsigned = column.is_unsigned();
  if (column.type == "tinyint" || column.type == "year") return Type::kInt16;
  if (column.type == "smallint") return is_unsigned ? Type::kInt32 : Type::kInt16;
  if (column.type == "mediumint") return Type::kInt32;
  if (column.type == "int") return is_unsigned ? Type::kInt64 : Type::kInt32;
  return Type::kInt64;
}

bool IsIntegerType(const std::string& type) {
  return type == "tinyint" || type == "smallint" || type == "mediumint" || type == "int" ||
         type == "bigint" || type == "year" || type == "bit";
}

bool IsBytesType(const std::string& type) {
  static constexpr std::array kTypes = {
      "binary",   "varbinary",       "tinyblob",           "blob",       "mediumblob",
      "longblob", "vector",          "geometry",           "point",      "linestring",
      "polygon",  "multilinestring", "geometrycollection", "multipoint", "multipolygon"};
  for (const char* const one : kTypes) {
    if (type == one) return true;
  }
  return false;
}

bool IsTooWideForInteger(const MariadbColumn& column) {
  return (column.type == "bigint" && column.is_unsigned()) ||
         (column.type == "bit" && column.digits > kBitsOfInteger);
}

void SetDecimal(std::uint32_t precision, std::uint32_t scale, Column* wire) {
  wire->type = Type::kDecimal;
  wire->precision = precision;
  wire->scale = scale;
}

std::string ShortestReal(double real) {
  std::array<char, 40> text{};
  const auto end =
      std::to_chars(text.data(), text.data() + text.size() - 2, real, std::chars_format::scientific);
  return {text.data(), end.ptr};
}

bool IsPlainNumber(std::string_view text) {
  return !text.empty() && text.find_first_not_of("-.0123456789") == std::string_view::npos;
}

std::string MomentText(const Column& announced, std::int64_t units) {
  if (announced.type == Type::kDate) return DateText(units);
  return TimestampText(units, announced.precision, /*utc=*/false);
}

/// Whether values are compared by their bytes.
bool IsByBytes(const MariadbColumn& column, const Column& announced) {
  return announced.type == Type::kAny && !column.charset.empty();
}

template <typename Number>
bool ReadNumber(std::string_view text, Number* number) {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), *number);
  return read.ec == std::errc() && read.ptr == text.data() + text.size();
}

}  // namespace

Column WireColumn(const MariadbColumn& column) {
  Column wire;
  wire.name = column.name;
  wire.nullable = column.nullable;
  wire.type = Type::kText;
  if (IsTooWideForInteger(column)) {
    SetDecimal(kWideDigits, 0, &wire);
  } else if (IsIntegerType(column.type)) {
    wire.type = IntegerTypeOf(column);
  } else if (column.type == "decimal") {
    SetDecimal(column.digits, column.scale, &wire);
  } else if (column.type == "float") {
    wire.type = Type::kFloat;
  } else if (column.type == "double") {
    wire.type = Type::kDouble;
  } else if (column.type == "date") {
    wire.type = Type::kDate;
  } else if (column.type == "datetime" || column.type == "timestamp") {
    wire.type = column.type == "datetime" ? Type::kTimestamp : Type::kTimestampTz;
    wire.precision = column.seconds;
  } else if (column.type == "uuid") {
    wire.type = Type::kUuid;
  } else if (IsBytesType(column.type)) {
    wire.type = Type::kBytes;
  }
  return wire;
}

void WidenMariadbColumn(Column* column) {
  column->type = Type::kAny;
  column->affinity = Affinity::kText;
  column->length = column->precision = column->scale = 0;
}

MariadbValueForm MariadbFormOf(const Column& announced) {
  switch (announced.type) {
    case Type::kInt16:
    case Type::kInt32:
    case Type::kInt64:
      return MariadbValueForm::kInteger;
    case Type::kFloat:
    case Type::kDouble:
      return MariadbValueForm::kReal;
    case Type::kDecimal:
      return MariadbValueForm::kDecimal;
    case Type::kDate:
      return MariadbValueForm::kDate;
    case Type::kTimestamp:
    case Type::kTimestampTz:
      return MariadbValueForm::kTimestamp;
    case Type::kUuid:
      return MariadbValueForm::kUuid;
    case Type::kBytes:
      return MariadbValueForm::kBytes;
    default:
      return MariadbValueForm::kText;
  }
}

std::string ValueSql(const MariadbColumn& column, const Column& announced, std::string_view of) {
  const std::string name = NameInRow(column, of);
  // FLOAT as text loses digits, and both types show fewer with a scale.
  if (MariadbFormOf(announced) == MariadbValueForm::kReal) return absl::StrCat("CAST(", name, " AS DOUBLE)");
  if (column.type == "bit") return absl::StrCat("CAST(", name, " AS UNSIGNED)");
  if (!column.is_zerofill() || announced.type != Type::kDecimal) return name;
  if (column.type == "bigint") return absl::StrCat("CAST(", name, " AS UNSIGNED)");
  return absl::StrCat("CAST(", name, " AS DECIMAL(", announced.precision, ",", announced.scale, "))");
}

std::string MariadbKeyTerm(const MariadbColumn& column, const Column& announced) {
  const std::string name = NameInRow(column);
  return IsByBytes(column, announced) ? absl::StrCat("CAST(", name, " AS BINARY)") : name;
}

std::string MariadbKeyIsExact(const MariadbColumn& column, const Column& announced, const KeyPart& part) {
  if (column.charset.empty() || IsByBytes(column, announced) || part.kind != Kind::kText) return "";
  return absl::StrCat("CAST(CONVERT(", NameInRow(column),
                      " USING utf8mb4) AS BINARY) = ", mariadb::QuotedBytes(part.bytes));
}

std::string MariadbKeyLiteral(const MariadbColumn& column, const Column& announced, const KeyPart& part) {
  switch (part.kind) {
    case Kind::kInteger:
      if (announced.type == Type::kDate)
        return absl::StrCat("DATE'", MomentText(announced, part.integer), "'");
      if (announced.type == Type::kTimestamp || announced.type == Type::kTimestampTz)
        return absl::StrCat("TIMESTAMP'", MomentText(announced, part.integer), "'");
      return absl::StrCat(part.integer);
    case Kind::kReal:
      return ShortestReal(part.real);
    case Kind::kBlob:
      return announced.type == Type::kUuid ? mariadb::QuotedText(UuidText(part.bytes))
                                           : mariadb::QuotedBytes(part.bytes);
    default:
      break;
  }
  if (announced.type == Type::kDecimal && IsPlainNumber(part.bytes)) return part.bytes;
  if (IsByBytes(column, announced)) return mariadb::QuotedBytes(part.bytes);
  if (column.charset.empty()) return mariadb::QuotedText(part.bytes);
  // In the form of the column's own index, so that it can be used. Characters missing in its character set
  // are replaced, and a row that is found then is not the right one.
  return absl::StrCat("CONVERT(", mariadb::QuotedText(part.bytes), " USING ", column.charset, ") COLLATE ",
                      column.collation);
}

std::string FromSql(const MariadbColumn& column, const Column& announced, const KeyPart& from) {
  const std::string name = NameInRow(column);
  const bool is_whole = from.kind == Kind::kInteger;
  switch (MariadbFormOf(announced)) {
    case MariadbValueForm::kInteger:
    case MariadbValueForm::kDate:
    case MariadbValueForm::kTimestamp:
      if (!is_whole) return "";
      // For a bound that is no moment, the same as for one before all.
      if (!IsInteger(announced.type) && (from.integer < 0 || from.integer > kUnitsMax)) return "";
      return absl::StrCat(name, " >= ", MariadbKeyLiteral(column, announced, from));
    case MariadbValueForm::kDecimal:
      if (is_whole) return absl::StrCat(name, " >= ", from.integer);
      return from.kind == Kind::kText && IsPlainNumber(from.bytes) ? absl::StrCat(name, " >= ", from.bytes)
                                                                   : "";
    case MariadbValueForm::kText:
      if (announced.type != Type::kText || from.kind != Kind::kText) return "";
      return absl::StrCat("CAST(CONVERT(", name,
                          " USING utf8mb4) AS BINARY) >= ", mariadb::QuotedBytes(from.bytes));
    default:
      return "";
  }
}

std::string MariadbTypeMark(const MariadbColumn& column) {
  return HexDigest(absl::StrCat(column.whole_type, " ", column.charset)).substr(0, kTypeMarkLength);
}

std::string ToString(const MariadbRecord& record) {
  std::vector<std::string> words;
  for (const auto& [name, found] : record.columns) {
    words.push_back(absl::StrCat(absl::BytesToHexString(name), "=", found.type, found.wide ? "w" : "",
                                 found.null ? "n" : ""));
  }
  if (!record.told.empty()) words.push_back(absl::StrCat("told=", record.told));
  return absl::StrJoin(words, " ");
}

MariadbRecord ParseMariadbRecord(std::string_view text) {
  MariadbRecord record;
  for (const absl::string_view word : absl::StrSplit(absl::string_view(text.data(), text.size()), ' ')) {
    const std::pair<std::string, std::string> sides = absl::StrSplit(word, absl::MaxSplits('=', 1));
    const auto& [name, value] = sides;
    if (name == "told") {
      record.told = value;
    } else if (!name.empty() && name.find_first_not_of("0123456789abcdef") == std::string::npos &&
               value.size() >= kTypeMarkLength) {
      record.columns[absl::HexStringToBytes(name)] = {value.substr(0, kTypeMarkLength),
                                                      value.find('w', kTypeMarkLength) != std::string::npos,
                                                      value.find('n', kTypeMarkLength) != std::string::npos};
    }
  }
  return record;
}

MariadbRowDecoder::MariadbRowDecoder(std::vector<Column> announced) : ServerRowDecoder(std::move(announced)) {
  // MariaDB writes moments without a zone; both kinds are in UTC.
  for (Column& column : announced_) {
    if (column.type == Type::kTimestampTz) column.type = Type::kTimestamp;
  }
}

bool MariadbRowDecoder::DecodeValue(std::size_t i, std::string_view data, std::string* bytes,
                                    Value* value) const {
  const Column& announced = announced_[i];
  switch (MariadbFormOf(announced)) {
    case MariadbValueForm::kInteger:
      value->kind = Kind::kInteger;
      return ReadNumber(data, &value->integer);
    case MariadbValueForm::kReal:
      value->kind = Kind::kReal;
      if (!ReadNumber(data, &value->real) || !std::isfinite(value->real)) return false;
      if (value->real == 0) value->real = 0.0;  // No mirror keeps the sign of a zero.
      return true;
    case MariadbValueForm::kDate:
    case MariadbValueForm::kTimestamp: {
      const std::optional<std::int64_t> units = ParseTextForm(announced, data);
      value->kind = Kind::kInteger;
      value->integer = units.value_or(0);
      return units.has_value();
    }
    case MariadbValueForm::kUuid: {
      std::optional<std::string> uuid = ParseUuid(data);
      if (!uuid) return false;
      *bytes = *std::move(uuid);
      value->kind = Kind::kBlob;
      value->bytes = *bytes;
      return true;
    }
    case MariadbValueForm::kBytes:
      value->kind = Kind::kBlob;
      value->bytes = data;
      return true;
    case MariadbValueForm::kDecimal:
    case MariadbValueForm::kText:
      break;
  }
  value->bytes = data;
  value->kind = IsText(data) ? Kind::kText : Kind::kRawText;
  return value->kind == Kind::kText || announced.type == Type::kAny;
}

}  // namespace mirror
