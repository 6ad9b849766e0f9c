#ifndef MIRROR_SERVER_PLAN_HOLD_KEYS_H_
#define MIRROR_SERVER_PLAN_HOLD_KEYS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "proto/wire/batch.h"
#include "proto/wire/key_range.h"
#include "proto/wire/table.h"

// Keys of rows that a hold concerns, as texts for the operator who decides. A key may be a name: the texts
// are stored only in the mirror's own file, not in logs, events or answers to a source.

namespace mirror {

/// Maximum of keys for one hold, and of bytes in each; longer ones are cut.
inline constexpr std::size_t kHoldKeysMax = 20;
inline constexpr std::size_t kHoldKeyBytesMax = 200;

/// Returns KeyText(), cut between two characters.
std::string HoldKeyText(const Key& key);
/// Returns the keys of the first rows of a batch of deletes, as the mirror stores them: DATE to TIMESTAMP_TZ
/// and UUID as texts. `table`: the definition that the batch is applied by. Empty for any other batch.
std::vector<std::string> DeletedKeys(const TableSchema& table, const ChangeBatch& batch);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_HOLD_KEYS_H_
