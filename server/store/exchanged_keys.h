#ifndef MIRROR_SERVER_STORE_EXCHANGED_KEYS_H_
#define MIRROR_SERVER_STORE_EXCHANGED_KEYS_H_

#include <map>
#include <vector>

#include "absl/status/status.h"
#include "proto/wire/key_range.h"
#include "proto/wire/row_block.h"
#include "proto/wire/table.h"
#include "server/store/journal_verbs.h"

namespace mirror {

/// Groups keys that a store reads by the operation on their rows, and passes them on as ExchangedKeys of
/// bounded size. Threads: none.
class KeysByOperation {
 public:
  /// Both must outlive this object.
  KeysByOperation(const TableSchema& kept, const TakeKeys& take) : kept_(kept), take_(take) {}

  /// Returns the block to which the caller appends the columns of the next key, in key order. Added() must
  /// follow.
  RowBlock& Of(JournalOperation operation);
  absl::Status Added(JournalOperation operation);
  /// Passes on the remaining keys.
  absl::Status End();

 private:
  absl::Status Give(JournalOperation operation, RowBlock* block);

  const TableSchema& kept_;
  const TakeKeys& take_;
  std::map<JournalOperation, RowBlock> blocks_;
};

/// Returns the keys of the rows in a block. The block's columns are the key's columns, in key order.
std::vector<Key> KeysOf(const TableSchema& kept, RowBlock* block);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_EXCHANGED_KEYS_H_
