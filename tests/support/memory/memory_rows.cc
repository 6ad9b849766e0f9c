#include "tests/support/memory/memory_rows.h"

#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/folded_name.h"
#include "proto/wire/limits.h"

namespace mirror {
namespace {

/// The cells that a row of the batch has, and which it has.
struct GivenRow {
  Row values;
  std::vector<bool> given;
};

/// `old`, in the columns of `table`, with what is given of `row`, which is in those of `schema`.
Row Merged(const MemoryTable& table, Row old, const TableSchema& schema, const GivenRow& row) {
  for (std::size_t i = 0; i < schema.columns.size(); ++i) {
    if (row.given[i]) old.at(table.schema.Find(schema.columns[i].name).value()) = row.values[i];
  }
  return old;
}

absl::Status ReadGiven(const ApplyRows& apply, std::uint32_t row, std::map<std::uint64_t, MemoryValue>* parts,
                       std::set<std::uint64_t>* used, GivenRow* out) {
  const TableSchema& schema = *apply.schema;
  out->values.resize(schema.columns.size());
  out->given.resize(schema.columns.size());
  for (const ColumnView& view : apply.batch->columns) {
    Value value;
    if (!view.IsNull(row)) value = view.At(row);
    const Column& column = schema.columns[view.column];
    if (value.large != nullptr) {
      const MemoryValue& whole = (*parts)[value.large->value_id];
      if (whole.cycle != apply.cycle || whole.bytes.size() != value.large->size) {
        return absl::FailedPreconditionError("send the missing parts");
      }
      if (value.kind == Kind::kText && !CheckText(column, whole.bytes).ok()) {
        return absl::InvalidArgumentError("the value is not text");
      }
      used->insert(value.large->value_id);
      value.bytes = whole.bytes;
    }
    out->values[view.column] = StoredCell(column, value);
    out->given[view.column] = true;
  }
  return absl::OkStatus();
}

void WriteOne(const ApplyRows& apply, std::uint32_t number, const GivenRow& row, MemoryTable* table,
              RowsWritten* written) {
  const TableSchema& schema = *apply.schema;
  const Row key = KeyOf(schema, row.values);
  const auto found = table->keyed.find(key);
  Row before(table->schema.columns.size());
  switch (apply.batch->operation) {
    case Operation::kDelete:
      table->keyed.erase(key);
      return;
    case Operation::kUpdate:
      if (found == table->keyed.end()) {
        written->more_missing = written->missing_rows.size() == kMissingKeysMax;
        if (!written->more_missing) written->missing_rows.push_back(number);
        return;
      }
      before = found->second;
      break;
    default:
      break;
  }
  Row after = Merged(*table, std::move(before), schema, row);
  if (key.empty()) {
    table->keyless.push_back(std::move(after));
  } else {
    // Of two equal keys the later one's form is kept, as 1.0 for 1.
    table->keyed.erase(key);
    table->keyed.emplace(key, std::move(after));
  }
}

}  // namespace

absl::Status WriteToMemory(const ApplyRows& apply, MemoryTable* table,
                           std::map<std::uint64_t, MemoryValue>* values, RowsWritten* written) {
  const std::int64_t before = table->size();
  std::set<std::uint64_t> used;
  for (std::uint32_t number = 0; number < apply.batch->row_count && !written->more_missing; ++number) {
    GivenRow row;
    if (absl::Status status = ReadGiven(apply, number, values, &used, &row); !status.ok()) {
      written->missing_rows.clear();
      return status;
    }
    WriteOne(apply, number, row, table, written);
  }
  if (!written->missing_rows.empty()) return absl::FailedPreconditionError("rows are missing");
  for (const std::uint64_t id : used) values->erase(id);
  written->added = table->size() - before;
  return absl::OkStatus();
}

absl::Status AlterMemoryTable(const AlterTable& alter, const Position& position, MemoryTable* table,
                              std::map<std::string, Position>* lost) {
  const auto each = [&](const auto& change) {
    for (auto& [key, row] : table->keyed) change(row);
    for (Row& row : table->keyless) change(row);
  };
  TableSchema& schema = table->schema;
  for (const auto& change : alter.changes) {
    if (std::holds_alternative<RetypeColumn>(change)) continue;
    if (const auto* add = std::get_if<AddColumn>(&change)) {
      if (schema.Find(add->column.name)) return absl::FailedPreconditionError("the column is there");
      schema.columns.push_back(add->column);
      each([&](Row& row) { row.push_back(StoredDefault(add->column)); });
    } else if (const auto* drop = std::get_if<DropColumn>(&change)) {
      const std::optional<std::uint32_t> index = schema.Find(drop->name);
      if (!index) return absl::FailedPreconditionError("no such column");
      if (schema.columns[*index].key_position != 0) return absl::FailedPreconditionError("key");
      schema.columns.erase(schema.columns.begin() + *index);
      std::erase_if(*lost, [&](const auto& one) { return one.second != position; });
      (*lost)[FoldName(drop->name)] = position;
      each([&](Row& row) { row.erase(row.begin() + *index); });
    } else {
      const auto& rename = std::get<RenameColumn>(change);
      const std::optional<std::uint32_t> index = schema.Find(rename.from);
      const std::optional<std::uint32_t> taken = schema.Find(rename.to);
      if (!index || (taken && taken != index)) return absl::FailedPreconditionError("cannot be renamed");
      schema.columns[*index].name = rename.to;
    }
  }
  return absl::OkStatus();
}

}  // namespace mirror
