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

/// Returns the entry without `key`: with its other keys; a head if there are no others;
/// an entry that makes readers compare all rows if its keys are damaged. Absent: the entry does not
/// name the key.
std::optional<JournalEntry> WithoutKey(const JournalEntry& entry, const Key& key);

struct PackedKeys {
  std::string block;
  std::string least, most;  ///< OrderedKey() of the first and the last row.
};

/// Packs the batch's keys; the table has a key. Absent values of large keys give an empty `block`.
PackedKeys PackKeys(const TableSchema& kept, const ChangeBatch& batch);
/// Packs keys that a store read: `columns` are those of the key, in its order. Sorts the keys.
PackedKeys PackKeys(const std::vector<Column>& columns, std::vector<Key> keys);

struct KeyBlock {
  std::vector<Column> columns;  ///< Name, type and key position; in key order.
  std::vector<Key> keys;        ///< In ascending order.
};
/// Reads a block. Errors: kDataLoss.
absl::StatusOr<KeyBlock> UnpackKeys(std::string_view block);

/// Whether a block has `key`, found without unpacking: much faster than UnpackKeys().
struct LookedKeys {
  std::vector<Column> columns;  ///< As KeyBlock has them.
  bool has_key = false;
};
/// Looks for `key` in a block. Errors: kDataLoss.
absl::StatusOr<LookedKeys> LookForKey(std::string_view block, const Key& key);

/// Returns a prefix of bytes in the order of the values: a <= b means OrderedKey(a) <= OrderedKey(b). At most
/// kOrderedKeyBytesMax bytes.
inline constexpr std::size_t kOrderedKeyBytesMax = 33;
std::string OrderedKey(const KeyPart& part);

}  // namespace mirror

#endif  // MIRROR_SERVER_JOURNAL_KEY_BLOCK_H_
