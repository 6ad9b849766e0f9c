#include "server/own_records/postgres_record.h"

#include <cstddef>

namespace mirror {

postgres::Value ValueOf(const Field& field, ColumnKind kind) {
  using postgres::Type;
  using postgres::Value;
  const bool is_null = field.is_null();
  switch (kind) {
    case ColumnKind::kNumber:
      return is_null ? Value::Null(Type::kInt8) : Value(field.number());
    case ColumnKind::kFlag:
      return is_null ? Value::Null(Type::kBool) : Value(field.number() != 0);
    case ColumnKind::kText:
    case ColumnKind::kKeyText:
      return is_null ? Value::Null(Type::kText) : Value(field.text());
    case ColumnKind::kRawText:
    case ColumnKind::kBytes:
      return is_null ? Value::Null(Type::kBytea) : Value::Bytes(field.text());
  }
  return nullptr;
}

std::vector<postgres::Value> ValuesOf(const Fields& fields) {
  std::vector<postgres::Value> values;
  values.reserve(fields.size());
  for (std::size_t i = 0; i < fields.size(); ++i) {
    values.push_back(ValueOf(fields[i], fields.column(i).kind));
  }
  return values;
}

Field PostgresFieldAt(const postgres::Rows& rows, int row, int column, ColumnKind kind) {
  if (rows.IsNull(row, column)) return {};
  return IsNumber(kind) ? Field(rows.Int(row, column)) : Field(rows.View(row, column));
}

}  // namespace mirror
