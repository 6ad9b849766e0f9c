#ifndef MIRROR_SERVER_PLAN_HOLD_KEYS_H_
#define MIRROR_SERVER_PLAN_HOLD_KEYS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "proto/wire/batch.h"
#include "proto/wire/key_range.h"
#include "proto/wire/table.h"

// Keys of rows that a hold is about, as texts for the operator who decides. A key may be a name: they stand
// in the mirror's own file alone, in no log, event or answer to a source.

namespace mirror {

/// So many are kept of one hold, each cut behind so many bytes.
inline constexpr std::size_t kHoldKeysMax = 20;
inline constexpr std::size_t kHoldKeyBytesMax = 200;

/// KeyText(), cut in front of a character.
std::string HoldKeyText(const Key& key);
/// Of the first rows of a batch of deletes, as the mirror holds them: DATE to TIMESTAMP_TZ and UUID as texts.
/// `table` is what the batch is applied by. None of any other batch.
std::vector<std::string> DeletedKeys(const TableSchema& table, const ChangeBatch& batch);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_HOLD_KEYS_H_
