#include "server/store/postgres/rows/columns_out.h"

#include "base/db/postgres/value.h"
#include "proto/wire/text_form.h"
#include "server/store/postgres/place/types.h"
#include "server/store/postgres/rows/time_units.h"

namespace mirror {
namespace {

template <typename Number>
postgres::Value Turned(postgres::Type type, Number number, std::string* to) {
  to->clear();
  postgres::AppendNumber(*to, number);
  return postgres::Value::Raw(type, *to);
}

postgres::Value TurnedTextForm(const Column& column, const Value& value, std::string* to) {
  if (column.type == Type::kDecimal) return postgres::Value(value.bytes);
  to->resize(kTextFormBytesMax);
  to->resize(WriteTextForm(column, value.integer, value.bytes, to->data()));
  return postgres::Value(*to);
}

}  // namespace

postgres::Value PostgresValue(const Column& declared, const Value& value, std::string* to) {
  const postgres::Type type = ElementType(declared);
  std::string& turned = *to;
  switch (PostgresFormOf(declared)) {
    case PostgresForm::kBool:
      return {value.integer != 0};
    case PostgresForm::kInt:
      return {value.integer};
    case PostgresForm::kReal:
      return {value.real == 0 ? 0.0 : value.real};
    case PostgresForm::kNumeric:
      turned.clear();
      postgres::AppendNumeric(value.bytes, turned);
      break;
    case PostgresForm::kBytes:
      return postgres::Value::Bytes(value.bytes);
    case PostgresForm::kDate:
      return Turned(type, PostgresDays(value.integer), &turned);
    case PostgresForm::kTime:
      return Turned(type, value.integer / kUnitsOfMicro, &turned);
    case PostgresForm::kTimestamp:
      return Turned(type, PostgresMicros(value.integer), &turned);
    case PostgresForm::kUuid:
      return postgres::Value::Raw(type, value.bytes);
    case PostgresForm::kTextForm:
      return TurnedTextForm(declared, value, &turned);
    case PostgresForm::kAny:
      WriteAnyText(KeptKind(declared, value), value, &turned);
      break;
    case PostgresForm::kText:
      return {value.bytes};
  }
  return postgres::Value::Raw(type, turned);
}

postgres::Value PostgresBatchValues::At(std::size_t column, std::uint32_t row) {
  const ColumnView& view = batch_.columns[column];
  const Column& declared = schema_.columns[view.column];
  if (view.IsNull(row)) return postgres::Value::Null(ElementType(declared));
  return PostgresValue(declared, view.At(row), &turned_[column]);
}

Kind PostgresBatchValues::KindAt(std::size_t column, std::uint32_t row) const {
  const ColumnView& view = batch_.columns[column];
  return KeptKind(schema_.columns[view.column], view.At(row));
}

std::string_view PostgresBatchValues::KindsOf(const PostgresKinds& places, std::uint32_t row) {
  kinds_.assign(places.defaults.size(), '\0');
  for (std::size_t i = 0; i < batch_.columns.size(); ++i) {
    const std::size_t place = places.of_column[batch_.columns[i].column];
    if (place != PostgresKinds::kNone) kinds_[place] = static_cast<char>(KindAt(i, row));
  }
  return kinds_;
}

std::string_view PostgresBatchValues::KindsSent(std::uint32_t row) {
  kinds_.clear();
  for (std::size_t i = 0; i < batch_.columns.size(); ++i) {
    if (schema_.columns[batch_.columns[i].column].type == Type::kAny) {
      kinds_ += static_cast<char>(KindAt(i, row));
    }
  }
  return kinds_;
}

}  // namespace mirror
