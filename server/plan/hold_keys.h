#ifndef MIRROR_SERVER_PLAN_HOLD_KEYS_H_
#define MIRROR_SERVER_PLAN_HOLD_KEYS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "proto/wire/batch.h"
#include "proto/wire/key_range.h"
#include "proto/wire/table.h"

// Makes texts of keys whose rows a hold concerns, for the operator who decides. A key may be a person's name.
// So these texts are stored only in the mirror's own file, not in logs, events or answers to a source.

namespace mirror {

/// Maximum number of keys for one hold. Maximum bytes of a key's text; longer texts are cut.
inline constexpr std::size_t kHoldKeysMax = 20;
inline constexpr std::size_t kHoldKeyBytesMax = 200;

/// Returns KeyText(), cut at the end of a character if it is too long.
std::string HoldKeyText(const Key& key);
/// Returns the keys of the first rows of a batch of deletes, at most kHoldKeysMax. Their values are as the
/// mirror stores them: DATE to TIMESTAMP_TZ and UUID as texts. `table`: the definition by which the batch is
/// applied. Returns nothing for any other batch.
std::vector<std::string> DeletedKeys(const TableSchema& table, const ChangeBatch& batch);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_HOLD_KEYS_H_
