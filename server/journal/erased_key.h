#ifndef MIRROR_SERVER_JOURNAL_ERASED_KEY_H_
#define MIRROR_SERVER_JOURNAL_ERASED_KEY_H_

#include <optional>

#include "proto/wire/key_range.h"
#include "server/journal/journal_entry.h"

namespace mirror {

/// The entry as it is kept when nothing may name `key` any more: with its other keys; a head where there are
/// none; and where its keys are damaged, one by which all rows are compared. Absent: it does not name the
/// key.
std::optional<JournalEntry> WithoutKey(const JournalEntry& entry, const Key& key);

}  // namespace mirror

#endif  // MIRROR_SERVER_JOURNAL_ERASED_KEY_H_
