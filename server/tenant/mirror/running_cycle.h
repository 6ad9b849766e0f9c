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

/// Wakes calls that wait for an earlier batch of their table. Names of tables are folded. Threads: any.
class GapWaits {
 public:
  /// Returns the number of signals so far. A caller reads it under the tenant's lock when it finds a gap.
  std::uint64_t changes();
  /// Signals that batches of `tables` were applied or refused.
  void Tell(const std::set<std::string>& tables);
  /// Signals that the cycle began or ended, or that the mirror was closed. Every waiting call then checks
  /// again.
  void TellAll();
  /// Waits until a signal about `tables`, or until `time`. Returns at once if any signal came after changes()
  /// returned `seen`.
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

  Mutex mutex_;  ///< Taken after the tenant's lock.
  std::uint64_t changes_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::list<Waiting*> waiting_ MIRROR_GUARDED_BY(mutex_);  ///< Entries of the threads in WaitUntil().
};

/// State of the running cycle in memory, so that not every batch reads it again. State that the
/// protocol needs is also stored in the mirror. It is read again after another server changed it, for example
/// by beginning or ending a cycle. The rest only improves the text of an answer or event, or saves reading
/// rows. Another server that serves the cycle works without it. Threads: none; used under the tenant's lock.
class RunningCycle {
 public:
  /// Called when this process begins a cycle.
  void Begin();
  void End();
  /// Called when this process serves a call of the cycle.
  void NoteServed() { served_ = true; }
  /// Returns whether this process has served a cycle that may still run.
  bool served() const { return served_; }
  /// Forgets everything, the holds too, because the file may be another one.
  void ForgetFile();
  /// The calls that wait for an earlier batch. Needs no lock of the tenant; valid as long as this object.
  GapWaits& gaps() { return gaps_; }

  /// Reads what is not in memory, or was read before another server wrote. Errors: as Store.
  absl::Status Load(Store& store);

  /// Folded names of refused tables. Valid after Load().
  const std::set<std::string>& refused() const { return *refused_; }
  void SetRefused(const std::vector<SchemaAnswer>& answers);
  /// The cycle's notes. Valid after Load().
  const std::vector<CycleNote>& notes() const { return *notes_; }
  bool IsNoted(CycleNoteKind kind) const;
  void ForgetNotes() { notes_.reset(); }
  /// Returns the tables that the source could not send in the last completed cycle. Reads the mirror only if
  /// they are not in memory, or another server has written since. Errors: as Store.
  absl::StatusOr<UnsentTables> LoadUnsent(Store& store);
  /// Called when this server writes a new list of unsent tables.
  void ForgetUnsent() { unsent_.reset(); }
  /// The holds. Valid after Load().
  const std::vector<Hold>& holds() const { return *holds_; }
  /// Called when this server wrote holds, because ReadDataVersion() does not show a server its own writes.
  void ForgetHolds() { holds_.reset(); }

  /// Notes that a batch of `cycle` was refused for good. The cycle then fails, unless a later batch of the
  /// table succeeds.
  void NoteRefusal(std::int64_t cycle, const BatchOutcome& outcome);
  void ForgetRefusal(const std::string& table);
  /// Returns the refusals as a text for people; empty: none. Call it after Load().
  std::string RefusalsOf(std::int64_t cycle);

  /// Notes that the announcement was refused before it reached the tenant.
  void NoteUnannounced(std::int64_t cycle, std::string_view why);
  /// Returns the reason noted by NoteUnannounced(). Absent: none was noted for this cycle.
  std::optional<std::string> WhyUnannounced(std::int64_t cycle) const;

  /// Notes the answer to DigestRanges, so that the rows need not be read a second time.
  void NoteDigests(std::int64_t cycle, const std::string& table, const Position& position,
                   const std::vector<KeyRange>& ranges, const std::vector<RangeDigest>& answer);
  /// Returns the table's digest. Absent: no digests were sent for some keys of the table at this position.
  std::optional<RangeDigest> DigestOf(std::int64_t cycle, const std::string& table,
                                      const Position& position) const;

 private:
  void Forget();

  GapWaits gaps_;
  bool served_ = false;
  std::optional<std::int64_t> version_;           ///< Store::ReadDataVersion() at which the next three
                                                  ///< members were read.
  std::optional<std::set<std::string>> refused_;  ///< Folded.
  std::optional<std::vector<CycleNote>> notes_;
  std::optional<std::vector<Hold>> holds_;
  std::optional<std::int64_t> unsent_version_;  ///< The data version at which the next member was read.
  std::optional<UnsentTables> unsent_;
  std::int64_t refusals_cycle_ = 0;  ///< The cycle of `refusals_`.
  /// Tables whose last batch was refused, by folded name: stored name and reason.
  std::map<std::string, std::pair<std::string, std::string>> refusals_;
  std::int64_t unannounced_cycle_ = 0;  ///< The cycle of `unannounced_why_`.
  std::string unannounced_why_;
  std::int64_t digested_cycle_ = 0;                 ///< The cycle of `digested_`.
  std::map<std::string, DigestCoverage> digested_;  ///< By folded table.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_RUNNING_CYCLE_H_
