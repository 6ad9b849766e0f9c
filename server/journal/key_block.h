#ifndef MIRROR_SERVER_JOURNAL_KEY_BLOCK_H_
#define MIRROR_SERVER_JOURNAL_KEY_BLOCK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/wire/batch.h"
#include "proto/wire/key_range.h"
#include "proto/wire/table.h"
#include "server/journal/journal_entry.h"

// The keys of a batch as bytes: columns with their names and types, in key order, integers as differences,
// and a checksum. A usual integer key takes one to two bytes a row.

namespace mirror {

/// Returns the entry without `key`. If no key is left, its operation is kHead. If its keys are damaged, its
/// operation is kCompare, and readers then compare all rows. Absent: `entry` does not name the key.
std::optional<JournalEntry> WithoutKey(const JournalEntry& entry, const Key& key);

struct PackedKeys {
  std::string block;
  std::string least, most;  ///< OrderedKey() of the first and the last row.
};

/// Packs the batch's keys; the table has a key. Returns an empty `block` if a key column is not in the batch,
/// or has large values that arrived in parts.
PackedKeys PackKeys(const TableSchema& kept, const ChangeBatch& batch);
/// Packs keys that a store read: `columns` are those of the key, in its order. Sorts the keys.
PackedKeys PackKeys(const std::vector<Column>& columns, std::vector<Key> keys);

struct KeyBlock {
  std::vector<Column> columns;  ///< Name, type and key position; in key order.
  std::vector<Key> keys;        ///< In ascending order.
};
/// Reads a block. Errors: kDataLoss.
absl::StatusOr<KeyBlock> UnpackKeys(std::string_view block);

/// Result of LookForKey().
struct LookedKeys {
  std::vector<Column> columns;  ///< As KeyBlock has them.
  bool has_key = false;
};
/// Looks for `key` in a block without unpacking it, which is much faster than UnpackKeys(). Errors:
/// kDataLoss.
absl::StatusOr<LookedKeys> LookForKey(std::string_view block, const Key& key);

inline constexpr std::size_t kOrderedKeyBytesMax = 33;
/// Returns at most kOrderedKeyBytesMax bytes whose order follows that of the values: if a <= b, then
/// OrderedKey(a) <= OrderedKey(b). Different values may give the same bytes.
std::string OrderedKey(const KeyPart& part);

}  // namespace mirror

#endif  // MIRROR_SERVER_JOURNAL_KEY_BLOCK_H_
