#include "tests/support/memory/memory_mirror.h"

#include <algorithm>
#include <variant>

#include "base/folded_name.h"
#include "proto/wire/text_form.h"

namespace mirror {
namespace {

Value ValueOf(const Cell& cell) {
  return {.kind = cell.kind, .integer = cell.integer, .real = cell.real, .bytes = cell.bytes};
}

}  // namespace

bool CellsInKeyOrder::operator()(const Row& a, const Row& b) const {
  return std::lexicographical_compare(
      a.begin(), a.end(), b.begin(), b.end(),
      [](const Cell& left, const Cell& right) { return CompareValues(ValueOf(left), ValueOf(right)) < 0; });
}

Rows MemoryTable::All() const {
  Rows rows = keyless;
  for (const auto& [key, row] : keyed) rows.push_back(row);
  return rows;
}

Cell StoredCell(const Column& column, const Value& value) {
  Cell cell;
  cell.kind = value.kind == Kind::kRawText ? Kind::kText : value.kind;
  if (HasTextForm(column.type) && value.kind != Kind::kNull) {
    return Cell(TextForm(column, value.integer, value.bytes));
  }
  cell.integer = value.integer;
  cell.real = value.real == 0 ? 0.0 : value.real;
  cell.bytes = std::string(value.bytes);
  return cell;
}

Cell StoredDefault(const Column& column) {
  if (column.backfill != Backfill::kDefault || !column.default_value) return {};
  const Literal& literal = *column.default_value;
  Value value;
  if (const auto* integer = std::get_if<std::int64_t>(&literal)) {
    value = {.kind = Kind::kInteger, .integer = *integer};
  } else if (const auto* real = std::get_if<double>(&literal)) {
    value = {.kind = Kind::kReal, .real = *real};
  } else if (const auto* text = std::get_if<std::string>(&literal)) {
    value = {.kind = Kind::kText, .bytes = *text};
  } else if (const auto* bytes = std::get_if<Bytes>(&literal)) {
    value = {.kind = Kind::kBlob, .bytes = bytes->value};
  }
  return StoredCell(column, value);
}

Row KeyOf(const TableSchema& schema, const Row& row) {
  Row key;
  for (const std::uint32_t index : schema.Key()) key.push_back(row[index]);
  return key;
}

ReceiptHead HeadOf(const MemoryMirror& mirror) {
  if (mirror.receipts.empty()) return {};
  return {mirror.receipts.rbegin()->first, HashOf(mirror.receipts.rbegin()->second)};
}

std::optional<TableSchema> AgreedSchema(const MemoryMirror& mirror, const std::string& table) {
  const auto found = mirror.agreed.find(FoldName(table));
  if (found == mirror.agreed.end() || !mirror.tables.contains(found->first)) return std::nullopt;
  return found->second;
}

}  // namespace mirror
