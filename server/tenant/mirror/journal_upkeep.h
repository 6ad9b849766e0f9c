#ifndef MIRROR_SERVER_TENANT_MIRROR_JOURNAL_UPKEEP_H_
#define MIRROR_SERVER_TENANT_MIRROR_JOURNAL_UPKEEP_H_

#include <chrono>
#include <cstdint>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "server/journal/journal_rules.h"
#include "server/plan/plan.h"
#include "server/store/store.h"

namespace mirror {

/// Finds tables that were written to without their journal, see server/journal/seen_mark.h, and adds a
/// COMPARE entry for each, so that followers of the journal hear of those writes before anything else is
/// written. A table that is gone gets a GONE entry. `rules`: those of the tenant; null: nothing is done.
/// Reads without a lock where nothing was missed. Errors: those of the store.
absl::Status NotePassedWrites(Store& store, const JournalRules* rules, std::int64_t now_ms);

class Mirror;

/// Versions of rows that no rule asks for any more are set aside. What goes wrong here is met again, and
/// told, by the call that is under way. `rules` may be null.
void EndHistories(Store& store, const JournalRules* rules, std::int64_t now_ms);
/// Whether nothing was ever noted in it.
absl::StatusOr<bool> HasNoJournal(Store& store);
/// Every table that the store has: rows may have changed of which no entry of the journal tells.
absl::Status CompareAllTables(StoreRecords& records, Plan* plan);
/// Of a mirror that is opened. Where a hub has read it and the configuration has none for it any more, it
/// says so from now on; once there is one again, its journal says that all rows are to be compared: nobody
/// knows which were written meanwhile. Errors: those of the store, but for reading: nothing may be written
/// then.
absl::Status NoteIfLeftOut(Store& store, const JournalRules* rules, std::int64_t now_ms);

/// Removes entries of a tenant's journal, and versions of rows, that are older than they are kept or over
/// their size: now and then, and a few at a time. Threads: any.
class JournalUpkeep {
 public:
  /// Nothing where it was done lately, or the mirror is closed or in use.
  void Run(Mirror& mirror, std::int64_t now_ms);

 private:
  static constexpr std::chrono::seconds kAgain{60};
  /// Transactions at a time: the rest goes the next time.
  static constexpr int kTrimsMax = 200;

  Mutex mutex_;
  std::chrono::steady_clock::time_point done_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_JOURNAL_UPKEEP_H_
