#ifndef MIRROR_SERVER_TENANT_MIRROR_PASSED_WRITES_H_
#define MIRROR_SERVER_TENANT_MIRROR_PASSED_WRITES_H_

#include <cstdint>

#include "absl/status/status.h"
#include "server/journal/journal_rules.h"
#include "server/store/store.h"

namespace mirror {

/// Finds tables that were written to without their journal, see server/journal/seen_mark.h, and adds a
/// COMPARE entry for each, so that followers of the journal hear of those writes before anything else is
/// written. A table that is gone gets a GONE entry. `rules`: those of the tenant; null: nothing is done.
/// Reads without a lock where nothing was missed. Errors: those of the store.
absl::Status NotePassedWrites(Store& store, const JournalRules* rules, std::int64_t now_ms);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_PASSED_WRITES_H_
