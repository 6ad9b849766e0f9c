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

/// Finds tables that were written without their journal, see server/journal/seen_mark.h, and
/// adds a COMPARE entry for each. So readers of the journal learn of those writes before
/// anything else is written. A deleted table gets a GONE entry. `rules`: those of the tenant;
/// null: does nothing. Takes no lock if nothing was missed. Errors: those of the store.
absl::Status NotePassedWrites(Store& store, const JournalRules* rules, std::int64_t now_ms);

class Mirror;

/// Sets aside row versions that no rule requires any more. An error here
/// occurs again in the running call, which reports it. `rules` may be null.
void EndHistories(Store& store, const JournalRules* rules, std::int64_t now_ms);
/// Returns whether the journal has never had an entry.
absl::StatusOr<bool> HasNoJournal(Store& store);
/// Adds a COMPARE of every table of the store: rows may have changed without a journal entry.
absl::Status CompareAllTables(StoreRecords& records, Plan* plan);
/// Called when a mirror is opened. If a hub has read the mirror, but the configuration has no hub for it now,
/// the mirror records that. Once there is a hub again, the journal gets a COMPARE entry for each table: it is
/// unknown which rows were written in between. If the hub's record cannot be read, does
/// nothing and returns OK. Errors: those of the store.
absl::Status NoteIfLeftOut(Store& store, const JournalRules* rules, std::int64_t now_ms);

/// Removes journal entries and row versions that exceed their retention
/// time or size: at intervals, and a few at a time. Threads: any.
class JournalUpkeep {
 public:
  /// Does nothing if it ran recently, or if the mirror is closed or in use.
  void Run(Mirror& mirror, std::int64_t now_ms);

 private:
  static constexpr std::chrono::seconds kAgain{60};
  /// Maximum number of transactions per run: the next run does the rest.
  static constexpr int kTrimsMax = 200;

  Mutex mutex_;
  std::chrono::steady_clock::time_point done_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_JOURNAL_UPKEEP_H_
