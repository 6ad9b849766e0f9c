#ifndef MIRROR_TESTS_WIRE_BATCHES_H_
#define MIRROR_TESTS_WIRE_BATCHES_H_

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proto/wire/codec.h"

namespace mirror {

inline void PrintTo(const Value& value, std::ostream* out) {
  *out << "kind " << static_cast<int>(value.kind) << " " << value.integer << " " << value.real << " '"
       << std::string(value.bytes) << "'";
}

inline Column MakeColumn(std::string name, Type type, std::uint32_t key_position = 0) {
  Column column;
  column.name = std::move(name);
  column.type = type;
  column.key_position = key_position;
  column.nullable = key_position == 0;
  if (type == Type::kAny) column.affinity = Affinity::kBlob;
  return column;
}

inline Column Decimal(std::uint32_t precision, std::uint32_t scale) {
  Column column = MakeColumn("value", Type::kDecimal);
  column.precision = precision;
  column.scale = scale;
  return column;
}

inline Column WithLength(Type type, std::uint32_t length) {
  Column column = MakeColumn("value", type);
  column.length = length;
  return column;
}

inline Column WithDigits(Type type, std::uint32_t precision) {
  Column column = MakeColumn("value", type);
  column.precision = precision;
  return column;
}

inline Column AnyWith(Affinity affinity) {
  Column column = MakeColumn("value", Type::kAny);
  column.affinity = affinity;
  return column;
}

inline TableSchema Table(std::vector<Column> columns) {
  TableSchema table;
  table.name = "contact";
  table.columns = std::move(columns);
  return table;
}

/// contact(id INT64 key, name TEXT(40), photo BYTES).
inline TableSchema Contacts() {
  Column name = MakeColumn("name", Type::kText);
  name.length = 40;
  return Table({MakeColumn("id", Type::kInt64, 1), name, MakeColumn("photo", Type::kBytes)});
}

/// One nullable column of each type, after the key: the column's index is the type's number.
inline TableSchema Everything() {
  std::vector<Column> columns = {MakeColumn("id", Type::kInt64, 1)};
  for (auto type = static_cast<int>(Type::kBool); type <= static_cast<int>(Type::kAny); ++type) {
    columns.push_back(MakeColumn("c" + std::to_string(type), static_cast<Type>(type)));
  }
  Column& decimal = columns[static_cast<std::size_t>(Type::kDecimal)];
  decimal.precision = 38;
  decimal.scale = 10;
  return Table(std::move(columns));
}

/// An INSERT of `block`, right in all that surrounds the rows.
inline v1::ChangeBatch Insert(const TableSchema& table, const RowBlock& block) {
  v1::ChangeBatch message;
  EncodeRows(block, &message);
  message.set_table(table.name);
  message.set_schema_hash("hash");
  message.set_seq(1);
  message.set_base_lsn(5);
  EncodePosition({Lsn{6}, "line"}, message.mutable_target());
  message.set_operation(v1::OPERATION_INSERT);
  return message;
}

/// Three contacts, the middle one without name and photo.
inline v1::ChangeBatch ThreeContacts() {
  RowBlock block = RowBlock::ForAll(Contacts());
  for (const std::int64_t id : {1, 2, 3}) block.columns[0].AppendInt(id);
  block.columns[1].AppendBytes("Ada");
  block.columns[1].AppendNull();
  block.columns[1].AppendBytes("Grace");
  block.columns[2].AppendBytes("\x89PNG");
  block.columns[2].AppendNull();
  block.columns[2].AppendBytes("");
  return Insert(Contacts(), block);
}

using Fill = std::function<void(ColumnBuffer&)>;

inline Fill Ints(std::vector<std::int64_t> values) {
  return [values = std::move(values)](ColumnBuffer& buffer) {
    for (const std::int64_t value : values) buffer.AppendInt(value);
  };
}
inline Fill Reals(std::vector<double> values) {
  return [values = std::move(values)](ColumnBuffer& buffer) {
    for (const double value : values) buffer.AppendDouble(value);
  };
}
inline Fill Texts(std::vector<std::string> values, Kind kind = Kind::kText) {
  return [values = std::move(values), kind](ColumnBuffer& buffer) {
    for (const std::string& value : values) buffer.AppendBytes(value, kind);
  };
}

/// Rows of a table that has this column only.
inline v1::ChangeBatch InsertInto(const Column& column, const Fill& fill) {
  const TableSchema table = Table({column});
  RowBlock block = RowBlock::ForAll(table);
  fill(block.columns[0]);
  return Insert(table, block);
}

}  // namespace mirror

#endif  // MIRROR_TESTS_WIRE_BATCHES_H_
