// Feeds bytes to the codec as a batch of several tables, as rows that an endpoint answers, and as a table.
// Requires that every value of an accepted message can be read, and that encoding it again gives the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "proto/wire/codec.h"
#include "proto/wire/table_pack.h"

namespace mirror {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

Column MakeColumn(const std::string& name, Type type, std::uint32_t key_position) {
  Column column;
  column.name = name;
  column.type = type;
  column.key_position = key_position;
  column.nullable = key_position == 0;
  if (type == Type::kAny) column.affinity = Affinity::kBlob;
  if (type == Type::kDecimal) column.precision = 38;
  if (type == Type::kDecimal) column.scale = 4;
  return column;
}

TableSchema MakeTable(std::vector<Column> columns) {
  TableSchema table;
  table.name = "t";
  table.columns = std::move(columns);
  return table;
}

// The columns of the seeds in corpus/codec: table 0 has every type, its column indexes are their numbers.
std::vector<TableSchema> Tables() {
  std::vector<Column> every = {MakeColumn("id", Type::kInt64, 1)};
  for (auto type = static_cast<int>(Type::kBool); type <= static_cast<int>(Type::kAny); ++type) {
    every.push_back(MakeColumn("c" + std::to_string(type), static_cast<Type>(type), 0));
  }
  Column text = MakeColumn("text", Type::kText, 0);
  text.length = 5;
  Column time = MakeColumn("time", Type::kTime, 0);
  time.precision = 3;
  time.nullable = false;
  std::vector<TableSchema> tables = {
      MakeTable(every),
      MakeTable({MakeColumn("k1", Type::kText, 2), MakeColumn("k2", Type::kDouble, 1), text, time}),
      MakeTable({MakeColumn("value", Type::kAny, 0)}),
  };
  for (const Affinity affinity : {Affinity::kText, Affinity::kNumeric, Affinity::kReal}) {
    Column key = MakeColumn("key", Type::kAny, 1);
    key.affinity = affinity;
    tables.push_back(MakeTable({key, text}));
  }
  return tables;
}

void Append(const Value& value, ColumnBuffer& buffer) {
  if (value.large != nullptr) {
    Require(value.bytes.empty());
    return buffer.AppendLarge(value.large->value_id, value.large->size, value.kind);
  }
  switch (value.kind) {
    case Kind::kNull:
      return buffer.AppendNull();
    case Kind::kInteger:
      return buffer.AppendInt(value.integer);
    case Kind::kReal:
      return buffer.AppendDouble(value.real);
    default:
      return buffer.AppendBytes(value.bytes, value.kind);
  }
}

void RequireSame(const ChangeBatch& a, const ChangeBatch& b) {
  Require(a.row_count == b.row_count && a.columns.size() == b.columns.size() && a.key_order == b.key_order);
  for (std::size_t c = 0; c < a.columns.size(); ++c) {
    for (std::uint32_t row = 0; row < a.row_count; ++row) {
      const Value x = a.columns[c].At(row), y = b.columns[c].At(row);
      Require(x.kind == y.kind && CompareValues(x, y) == 0 && (x.large == nullptr) == (y.large == nullptr));
      Require(x.large == nullptr || *x.large == *y.large);
    }
  }
}

void RequireKeysAscend(const TableSchema& table, const ChangeBatch& batch) {
  Require(batch.key_order.empty() || batch.key_order.size() == batch.row_count);
  const std::vector<std::uint32_t> key = table.Key();
  if (key.empty() || batch.columns.empty()) return;
  const auto row = [&batch](std::uint32_t i) { return batch.key_order.empty() ? i : batch.key_order[i]; };
  for (std::uint32_t i = 1; i < batch.row_count; ++i) {
    int order = 0;
    for (std::size_t c = 0; c < key.size() && order == 0; ++c) {
      const ColumnView* column = batch.Find(key[c]);
      order = CompareValues(column->At(row(i - 1)), column->At(row(i)));
    }
    Require(order < 0);
  }
}

void TryBatch(const v1::ChangeBatch& message, const TableSchema& table) {
  const absl::StatusOr<ChangeBatch> batch = DecodeBatch(message, table, WireLimits{});
  if (!batch.ok()) {
    Require(!batch.status().message().empty());
    return;
  }
  RequireKeysAscend(table, *batch);
  RowBlock block;
  for (const ColumnView& column : batch->columns) {
    ColumnBuffer& buffer = block.columns.emplace_back(column.column, column.storage);
    for (std::uint32_t row = 0; row < batch->row_count; ++row) {
      const Value value = column.At(row);
      Require(value.kind != Kind::kNull || table.columns[column.column].nullable);
      Require(value.kind != Kind::kText || value.large != nullptr ||
              table.columns[column.column].type == Type::kDecimal ||
              CheckText(table.columns[column.column], value.bytes).ok());
      Append(value, buffer);
    }
  }
  v1::ChangeBatch again = message;
  EncodeRows(block, &again);
  const absl::StatusOr<ChangeBatch> same = DecodeBatch(again, table, WireLimits{});
  Require(same.ok());
  RequireSame(*batch, *same);
}

/// Decodes the same columns as an endpoint's answer to ReadRows, as the agent and mirrorctl do.
void TryRows(const v1::ChangeBatch& message, const TableSchema& table) {
  v1::ReadRowsResponse answer;
  answer.set_row_count(message.row_count());
  *answer.mutable_columns() = message.columns();
  const absl::StatusOr<ReadRowsView> rows = DecodeRows(answer, table, WireLimits{});
  if (!rows.ok()) return;
  Require(rows->row_count == 0 || !rows->columns.empty());
  std::vector<bool> given(table.columns.size());
  for (const ColumnView& column : rows->columns) {
    Require(column.column < given.size() && !given[column.column]);
    given[column.column] = true;
    for (std::uint32_t row = 0; row < rows->row_count; ++row) (void)column.At(row);
  }
}

void TryTable(const v1::Table& message) {
  const absl::StatusOr<TableSchema> table = DecodeTable(message, WireLimits{});
  if (!table.ok()) return;
  v1::Table again;
  EncodeTable(*table, &again);
  const absl::StatusOr<TableSchema> same = DecodeTable(again, WireLimits{});
  const absl::StatusOr<TableSchema> unpacked = UnpackTable(PackTable(*table));
  Require(same.ok() && unpacked.ok());
  Require(SchemaHash(*same) == SchemaHash(*table) && SchemaHash(*unpacked) == SchemaHash(*table));
  Require(table->Key().size() <= table->columns.size());
}

}  // namespace
}  // namespace mirror

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<mirror::TableSchema> kTables = mirror::Tables();
  mirror::v1::ChangeBatch batch;
  if (batch.ParseFromArray(data, static_cast<int>(size))) {
    for (const mirror::TableSchema& table : kTables) {
      mirror::TryBatch(batch, table);
      mirror::TryRows(batch, table);
    }
  }
  mirror::v1::Table table;
  if (table.ParseFromArray(data, static_cast<int>(size))) mirror::TryTable(table);
  (void)mirror::UnpackTable(std::string_view(reinterpret_cast<const char*>(data), size)).ok();
  return 0;
}
