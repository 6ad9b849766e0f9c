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

/// Finds tables that were written without a journal entry, see server/journal/seen_mark.h, and adds a COMPARE
/// entry for each. So readers of the journal learn of those writes before any later one. A deleted table gets
/// a GONE entry. `rules`: the tenant's; null: does nothing. Takes no lock if no table is found. Errors: those
/// of the store.
absl::Status NotePassedWrites(Store& store, const JournalRules* rules, std::int64_t now_ms);

class Mirror;

/// Sets aside row versions that no rule requires any more. Does not report an error: it occurs again in the
/// running call, which reports it. `rules` may be null.
void EndHistories(Store& store, const JournalRules* rules, std::int64_t now_ms);
/// Returns whether the journal has never had an entry.
absl::StatusOr<bool> HasNoJournal(Store& store);
/// Adds a COMPARE entry for every table of the store, because rows may have changed without a journal entry.
absl::Status CompareAllTables(StoreRecords& records, Plan* plan);
/// Called when a mirror is opened. If a hub has read the mirror but the configuration has no such hub now,
/// the mirror records that. When there is a hub again, the journal gets a COMPARE entry for each table,
/// because nobody knows which rows were written meanwhile. If the record about the hub cannot be read, does
/// nothing and returns OK. Errors: those of the store.
absl::Status NoteIfLeftOut(Store& store, const JournalRules* rules, std::int64_t now_ms);

/// Removes journal entries and row versions above the configured age or size: at intervals, a few at a time.
/// Threads: any.
class JournalUpkeep {
 public:
  /// Removes what is due. Does nothing if it ran recently, or if the mirror is closed or in use.
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
