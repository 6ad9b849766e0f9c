#include "server/store/postgres/place/types.h"

#include <algorithm>

namespace mirror {
namespace {

/// Number of digits of a second's fraction that PostgreSQL stores.
constexpr std::uint32_t kPrecisionMax = 6;

PostgresForm TimeForm(const Column& column, PostgresForm form) {
  return column.precision <= kPrecisionMax ? form : PostgresForm::kTextForm;
}

}  // namespace

PostgresForm PostgresFormOf(const Column& column) {
  switch (column.type) {
    case Type::kBool:
      return PostgresForm::kBool;
    case Type::kInt16:
    case Type::kInt32:
    case Type::kInt64:
      return PostgresForm::kInt;
    case Type::kFloat:
    case Type::kDouble:
      return PostgresForm::kReal;
    case Type::kDecimal:
      return column.key_position == 0 ? PostgresForm::kNumeric : PostgresForm::kTextForm;
    case Type::kBytes:
      return PostgresForm::kBytes;
    case Type::kDate:
      return PostgresForm::kDate;
    case Type::kTime:
      return TimeForm(column, PostgresForm::kTime);
    case Type::kTimestamp:
    case Type::kTimestampTz:
      return TimeForm(column, PostgresForm::kTimestamp);
    case Type::kUuid:
      return PostgresForm::kUuid;
    case Type::kAny:
      return PostgresForm::kAny;
    case Type::kText:
    case Type::kUnspecified:
      break;
  }
  return PostgresForm::kText;
}

std::string DeclaredType(const Column& column) {
  const std::string name = ElementName(column);
  return name == "text" && column.key_position != 0 ? "text COLLATE \"C\"" : name;
}

postgres::Type ElementType(const Column& column) {
  switch (PostgresFormOf(column)) {
    case PostgresForm::kBool:
      return postgres::Type::kBool;
    case PostgresForm::kInt:
      return postgres::Type::kInt8;
    case PostgresForm::kReal:
      return postgres::Type::kFloat8;
    case PostgresForm::kNumeric:
      return postgres::Type::kNumeric;
    case PostgresForm::kBytes:
      return postgres::Type::kBytea;
    case PostgresForm::kDate:
      return postgres::Type::kDate;
    case PostgresForm::kTime:
      return postgres::Type::kTime;
    case PostgresForm::kTimestamp:
      return column.type == Type::kTimestampTz ? postgres::Type::kTimestamptz : postgres::Type::kTimestamp;
    case PostgresForm::kUuid:
      return postgres::Type::kUuid;
    case PostgresForm::kText:
    case PostgresForm::kTextForm:
    case PostgresForm::kAny:
      break;
  }
  return postgres::Type::kText;
}

std::string ElementName(const Column& column) {
  switch (PostgresFormOf(column)) {
    case PostgresForm::kBool:
      return "boolean";
    case PostgresForm::kInt:
      return "bigint";
    case PostgresForm::kReal:
      return "double precision";
    case PostgresForm::kNumeric:
      return "numeric";
    case PostgresForm::kBytes:
      return "bytea";
    case PostgresForm::kDate:
      return "date";
    case PostgresForm::kTime:
      return "time";
    case PostgresForm::kTimestamp:
      return column.type == Type::kTimestampTz ? "timestamptz" : "timestamp";
    case PostgresForm::kUuid:
      return "uuid";
    case PostgresForm::kText:
    case PostgresForm::kTextForm:
    case PostgresForm::kAny:
      break;
  }
  return "text";
}

const char* AsCompared(const Column& column) {
  switch (PostgresFormOf(column)) {
    case PostgresForm::kNumeric:
      return "::text";
    case PostgresForm::kText:
    case PostgresForm::kTextForm:
    case PostgresForm::kAny:
      return " COLLATE \"C\"";
    default:
      return "";
  }
}

bool HasKinds(const TableSchema& kept) {
  return std::any_of(kept.columns.begin(), kept.columns.end(),
                     [](const Column& column) { return column.type == Type::kAny; });
}

}  // namespace mirror
