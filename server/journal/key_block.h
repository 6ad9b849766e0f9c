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
// and a checksum. An ordinary key of whole numbers takes one to two bytes a row.

namespace mirror {

/// The entry as it is kept when nothing may name `key` any more: with its other keys; a head where there are
/// none; and where its keys are damaged, one by which all rows are compared. Absent: it does not name the
/// key.
std::optional<JournalEntry> WithoutKey(const JournalEntry& entry, const Key& key);

struct PackedKeys {
  std::string block;
  std::string least, most;  ///< OrderedKey() of the first and the last row.
};

/// Absent values of large keys cannot be packed: then `block` is empty. The table has a key.
PackedKeys PackKeys(const TableSchema& kept, const ChangeBatch& batch);
/// The same of keys that a store read: `columns` are those of the key, in its order; sorted here.
PackedKeys PackKeys(const std::vector<Column>& columns, std::vector<Key> keys);

struct KeyBlock {
  std::vector<Column> columns;  ///< Name, type and key position; in key order.
  std::vector<Key> keys;        ///< In ascending order.
};
/// Errors: kDataLoss.
absl::StatusOr<KeyBlock> UnpackKeys(std::string_view block);

/// Whether `key` is among the keys of a block, without making them: a fraction of what UnpackKeys() costs.
struct LookedKeys {
  std::vector<Column> columns;  ///< As KeyBlock has them.
  bool has_key = false;
};
/// Errors: kDataLoss.
absl::StatusOr<LookedKeys> LookForKey(std::string_view block, const Key& key);

/// Bytes that are ordered as values are, as far as they reach: a <= b means OrderedKey(a) <= OrderedKey(b).
/// At most kOrderedKeyBytesMax.
inline constexpr std::size_t kOrderedKeyBytesMax = 33;
std::string OrderedKey(const KeyPart& part);

}  // namespace mirror

#endif  // MIRROR_SERVER_JOURNAL_KEY_BLOCK_H_
