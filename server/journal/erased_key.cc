#include "server/journal/erased_key.h"

#include <algorithm>
#include <utility>

#include "server/journal/key_block.h"

namespace mirror {

std::optional<JournalEntry> WithoutKey(const JournalEntry& entry, const Key& key) {
  if (entry.keys.empty()) return std::nullopt;
  if (const absl::StatusOr<LookedKeys> looked = LookForKey(entry.keys, key);
      looked.ok() && !looked->has_key) {
    return std::nullopt;
  }
  JournalEntry rest = entry;
  rest.keys.clear();
  rest.least.clear();
  rest.most.clear();
  absl::StatusOr<KeyBlock> block = UnpackKeys(entry.keys);
  if (!block.ok()) {
    rest.operation = JournalOperation::kCompare;
    rest.columns.clear();
    return rest;
  }
  std::erase(block->keys, key);
  rest.rows = block->keys.size();
  if (block->keys.empty()) {
    rest.operation = JournalOperation::kHead;
    rest.columns.clear();
    return rest;
  }
  PackedKeys packed = PackKeys(block->columns, std::move(block->keys));
  rest.keys = std::move(packed.block);
  rest.least = std::move(packed.least);
  rest.most = std::move(packed.most);
  return rest;
}

}  // namespace mirror
