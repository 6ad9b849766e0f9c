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

/// Gathers keys that a store reads into ExchangedKeys of a bounded size, by what happens to their rows.
/// Threads: none.
class KeysByOperation {
 public:
  /// Both outlive this.
  KeysByOperation(const TableSchema& kept, const TakeKeys& take) : kept_(kept), take_(take) {}

  /// Where the columns of the next key are appended, in key order; Added() follows.
  RowBlock& Of(JournalOperation operation);
  absl::Status Added(JournalOperation operation);
  /// Gives the rest.
  absl::Status End();

 private:
  absl::Status Give(JournalOperation operation, RowBlock* block);

  const TableSchema& kept_;
  const TakeKeys& take_;
  std::map<JournalOperation, RowBlock> blocks_;
};

/// The keys of rows that a store gave; the block's columns are those of the key, in its order.
std::vector<Key> KeysOf(const TableSchema& kept, RowBlock* block);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_EXCHANGED_KEYS_H_
