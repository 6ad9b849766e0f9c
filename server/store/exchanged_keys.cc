#include "server/store/exchanged_keys.h"

#include <cstdint>
#include <utility>

#include "base/status_macros.h"
#include "proto/wire/batch.h"
#include "proto/wire/key_part.h"

namespace mirror {

std::vector<Key> KeysOf(const TableSchema& kept, RowBlock* block) {
  const ChangeBatch batch = ViewOf(kept, block);
  std::vector<Key> keys(batch.row_count);
  for (const ColumnView& view : batch.columns) {
    for (std::uint32_t row = 0; row < batch.row_count; ++row) {
      keys[row].push_back(KeyPartOf(view.At(row)));
    }
  }
  return keys;
}

RowBlock& KeysByOperation::Of(JournalOperation operation) {
  const auto found = blocks_.find(operation);
  if (found != blocks_.end()) return found->second;
  return blocks_.emplace(operation, RowBlock::For(kept_, kept_.Key())).first->second;
}

absl::Status KeysByOperation::Added(JournalOperation operation) {
  RowBlock& block = Of(operation);
  return block.rows() < kExchangedKeysMax ? absl::OkStatus() : Give(operation, &block);
}

absl::Status KeysByOperation::Give(JournalOperation operation, RowBlock* block) {
  ExchangedKeys changed{.operation = operation, .keys = KeysOf(kept_, block)};
  for (const std::uint32_t column : kept_.Key()) changed.columns.push_back(kept_.columns[column]);
  *block = RowBlock::For(kept_, kept_.Key());
  return take_(std::move(changed));
}

absl::Status KeysByOperation::End() {
  for (auto& [operation, block] : blocks_) {
    if (block.rows() == 0) continue;
    RETURN_IF_ERROR(Give(operation, &block));
  }
  return absl::OkStatus();
}

}  // namespace mirror
