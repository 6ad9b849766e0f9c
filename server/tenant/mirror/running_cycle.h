#ifndef MIRROR_SERVER_TENANT_MIRROR_RUNNING_CYCLE_H_
#define MIRROR_SERVER_TENANT_MIRROR_RUNNING_CYCLE_H_

#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "proto/wire/key_range.h"
#include "proto/wire/row_digest.h"
#include "server/plan/comparison.h"
#include "server/plan/plan.h"
#include "server/plan/row_request.h"
#include "server/store/store.h"
#include "server/tenant/mirror/unsent_tables.h"

namespace mirror {

/// Wakes calls that wait for an earlier batch of their table. Tables are named by FoldName(). Threads: any.
class GapWaits {
 public:
  /// Counts what was told so far. A caller reads it when it finds the gap, under the tenant's lock.
  std::uint64_t changes();
  /// Batches of `tables` were applied or refused.
  void Tell(const std::set<std::string>& tables);
  /// The cycle began or ended, or the mirror was closed: every call looks again.
  void TellAll();
  /// Waits until something is told that concerns `tables`, or until `time`. Returns at once when anything was
  /// told since changes() gave `seen`.
  void WaitUntil(const std::set<std::string>& tables, std::uint64_t seen,
                 std::chrono::steady_clock::time_point time);

 private:
  struct Waiting {
    const std::set<std::string>& tables;
    bool told = false;
    CondVar woken;
  };
  static void Wake(Waiting& waiting) {
    waiting.told = true;
    waiting.woken.NotifyOne();
  }

  Mutex mutex_;  ///< Taken after the tenant's.
  std::uint64_t changes_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::list<Waiting*> waiting_ MIRROR_GUARDED_BY(mutex_);  ///< Of the threads in WaitUntil().
};

/// What is kept in memory of the cycle that runs, so that not every batch reads it again. What the protocol
/// has to remember stands in the mirror, and is read again when somebody else has changed it, as by beginning
/// or ending a cycle; the rest only words an answer or an event, or spares a look at rows, and another server
/// that serves the cycle does without.
/// Threads: none; used under the tenant's lock.
class RunningCycle {
 public:
  /// One that this process serves begins.
  void Begin();
  void End();
  /// A call of it is served here.
  void NoteServed() { served_ = true; }
  /// It may be running, and this process has served it.
  bool served() const { return served_; }
  /// Another file may be there: holds, too.
  void ForgetFile();
  /// Calls that wait for an earlier batch. Needs no lock of the tenant's, and lives as long as this.
  GapWaits& gaps() { return gaps_; }

  /// Reads what is not known of the mirror, or was before somebody else wrote to it. Errors: as Store.
  absl::Status Load(Store& store);

  /// Tables that are not taken, folded; after Load().
  const std::set<std::string>& refused() const { return *refused_; }
  void SetRefused(const std::vector<SchemaAnswer>& answers);
  /// After Load().
  const std::vector<CycleNote>& notes() const { return *notes_; }
  bool IsNoted(CycleNoteKind kind) const;
  void ForgetNotes() { notes_.reset(); }
  /// Tables that the source could not send in the last completed cycle. Reads the mirror only where they are
  /// not known, or another server has written to it since. Errors: as Store.
  absl::StatusOr<UnsentTables> LoadUnsent(Store& store);
  /// This server writes others.
  void ForgetUnsent() { unsent_.reset(); }
  /// After Load().
  const std::vector<Hold>& holds() const { return *holds_; }
  /// They are to be read again: this server wrote some, which ReadDataVersion() does not tell.
  void ForgetHolds() { holds_.reset(); }

  /// A batch of `cycle` was refused for good: unless the table gets over it, the cycle ends as a failure.
  void NoteRefusal(std::int64_t cycle, const BatchOutcome& outcome);
  void ForgetRefusal(const std::string& table);
  /// In words; empty: none. After Load().
  std::string RefusalsOf(std::int64_t cycle);

  /// What the source announced was refused before the tenant saw it.
  void NoteUnannounced(std::int64_t cycle, std::string_view why);
  /// Absent: nothing was refused so.
  std::optional<std::string> WhyUnannounced(std::int64_t cycle) const;

  /// What DigestRanges answered. Spares a second look at the rows: without it all of them are read again.
  void NoteDigests(std::int64_t cycle, const std::string& table, const Position& position,
                   const std::vector<KeyRange>& ranges, const std::vector<RangeDigest>& answer);
  /// Absent: not all of the table was answered at this position.
  std::optional<RangeDigest> DigestOf(std::int64_t cycle, const std::string& table,
                                      const Position& position) const;

 private:
  void Forget();

  GapWaits gaps_;
  bool served_ = false;
  std::optional<std::int64_t> version_;           ///< Store::ReadDataVersion() of the next three.
  std::optional<std::set<std::string>> refused_;  ///< Folded.
  std::optional<std::vector<CycleNote>> notes_;
  std::optional<std::vector<Hold>> holds_;
  std::optional<std::int64_t> unsent_version_;  ///< As `version_`, of the next one.
  std::optional<UnsentTables> unsent_;
  std::int64_t refusals_cycle_ = 0;  ///< That of `refusals_`.
  /// Tables whose last batch was refused, by folded name: their names and why.
  std::map<std::string, std::pair<std::string, std::string>> refusals_;
  std::int64_t unannounced_cycle_ = 0;  ///< That of `unannounced_why_`.
  std::string unannounced_why_;
  std::int64_t digested_cycle_ = 0;                 ///< That of `digested_`.
  std::map<std::string, DigestCoverage> digested_;  ///< By folded table.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_RUNNING_CYCLE_H_
