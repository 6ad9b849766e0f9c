#ifndef MIRROR_SERVER_TENANT_MIRROR_MIRROR_H_
#define MIRROR_SERVER_TENANT_MIRROR_MIRROR_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/shared_clock.h"
#include "server/hooks/hook_book.h"
#include "server/hooks/hooks.h"
#include "server/plan/announce_plan.h"
#include "server/plan/caller.h"
#include "server/plan/column_rules.h"
#include "server/plan/comparison.h"
#include "server/plan/plan.h"
#include "server/plan/row_request.h"
#include "server/plan/tenant_summary.h"
#include "server/store/store.h"
#include "server/store/writing.h"
#include "server/tenant/mirror/index_follower.h"
#include "server/tenant/mirror/running_cycle.h"
#include "server/tenant/mirror/seen_summary.h"
#include "server/tenant/mirror/tenant_options.h"
#include "server/watch/events.h"

namespace mirror {

/// Writes a tenant's notes for hooks in the same transaction as the change that they report. Threads: any; it
/// has no state.
class HookWriter {
 public:
  /// `hooks` may be null: then there are no hooks.
  HookWriter(const HookBook* hooks, const std::string& context_id) : hooks_(hooks), context_id_(context_id) {}

  /// Returns the notes for the end of a cycle; empty without hooks. `tables` must outlive the result.
  HookNotes OfCompletion(std::int64_t cycle, std::int64_t now_ms,
                         const std::vector<CompletedTable>& tables) const;
  /// Adds notes about announced tables. They report the actual outcome for each table, not the planned one.
  void AddTables(AnnouncePlan* planned) const;
  /// Adds notes for the tables whose population begins with a step of `plan`.
  void AddWiped(Plan* plan) const;
  void Set(HookNotes notes, Plan* plan) const;
  /// Wakes the threads that deliver the notes of `plan`. Called after its commit.
  void Wake(const Plan& plan) const;
  /// Wakes the threads: waiting notes may be delivered from now on.
  void Wake() const;

 private:
  std::vector<HookNote> NotesFor(const char* event, std::int64_t cycle, std::int64_t now_ms,
                                 const std::function<std::string(const HookCycle&)>& text) const;

  const HookBook* const hooks_;
  const std::string context_id_;
};

/// Reports data that a partner put into tables of the mirror, before it is lost. Reports each case once, and
/// again after a restart. Threads: none; used under the tenant's lock.
class PartnerNews {
 public:
  PartnerNews(const std::string& context_id, Events& events) : context_id_(context_id), events_(events) {}

  void TellColumns(const std::vector<TouchedTable>& touched);
  /// Counts the partner's rows of the table, once in a cycle. Called before they are deleted.
  void TellRows(Store& store, std::int64_t cycle, const std::string& table, const char* what_comes);

 private:
  const std::string context_id_;
  Events& events_;
  std::set<std::string> told_;      ///< Texts about columns and rows.
  std::int64_t counted_cycle_ = 0;  ///< The cycle to which `counted_` belongs.
  std::set<std::string> counted_;   ///< Folded tables whose rows were counted.
};

/// The time of a cycle's last progress. The duration of a call does not count as idle. Progress at another
/// server is only in the tenant's row. Threads: none; used under the tenant's lock.
class CycleProgress {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;

  /// Both arguments must outlive this object.
  CycleProgress(const TenantOptions& options, SeenSummary& seen) : options_(options), seen_(seen) {}

  /// Returns the cycle of the last Note().
  std::int64_t cycle() const { return cycle_; }
  SteadyTime Now() const { return options_.steady_now(); }
  /// Returns the present unix time in milliseconds. `came_ms`, `began`: when the call arrived.
  std::int64_t EndOf(std::int64_t came_ms, SteadyTime began) const {
    return came_ms + std::chrono::duration_cast<std::chrono::milliseconds>(Now() - began).count();
  }
  void Note(std::int64_t cycle, std::int64_t ended_ms) {
    cycle_ = cycle;
    ended_ms_ = ended_ms;
    seen_.NoteProgress(ended_ms);
  }
  /// Returns a time from the mirror's row; 0: it is not usable. In a shared mirror a server with a wrong
  /// clock may have written it, so a time far after `now_ms` is not used. Other mirrors have only one clock.
  std::int64_t Counted(std::int64_t stored_ms, std::int64_t now_ms) const {
    return options_.is_shared && stored_ms > now_ms + kStoredAheadMaxMs ? 0 : stored_ms;
  }
  /// Returns the latest time that the mirror's row or `now_ms` shows.
  std::int64_t LatestOf(const TenantRecord& tenant, std::int64_t now_ms) const {
    return std::max(Counted(tenant.clock_ms, now_ms), now_ms);
  }
  /// Returns the time until which a nonce is remembered, for a token that expires at `expires_ms`. In a
  /// shared mirror it is longer: the clock of its database may be set back, and Counted() ignores some times.
  std::int64_t NonceEnds(std::int64_t expires_ms) const {
    return options_.is_shared ? expires_ms + kNonceKeptMs : expires_ms;
  }
  bool IsIdle(const TenantRecord& tenant, std::int64_t now_ms) const {
    // After a restore, the mirror's row can name another cycle. A note about the cycle of before does not
    // apply to it.
    const std::int64_t noted_ms = tenant.cycle == cycle_ ? ended_ms_ : 0;
    return now_ms - std::max(Counted(tenant.progress_ms, now_ms), noted_ms) > options_.cycle_idle_ms;
  }

 private:
  /// The longest lifetime of a token plus the leeway, both as in the default configuration.
  static constexpr std::int64_t kNonceKeptMs = 31 * 60'000;

  const TenantOptions& options_;
  SeenSummary& seen_;
  std::int64_t cycle_ = 0;
  std::int64_t ended_ms_ = 0;
};

/// Cache of agreed definitions, so that the next request can be decoded while one is applied. Another server
/// may agree on a new definition: a batch shows that by its hash, and calls without a hash compare the
/// version. Threads: any for Find() and FindAt(). Keep() and Forget() are called under the tenant's lock. So
/// a definition that was read before a change is not kept after it.
class AgreedTables {
 public:
  AgreedTables(const ColumnRulesConfig& rules, const std::optional<std::string>& secret,
               const std::string& context_id)
      : rules_(rules, secret, context_id) {}

  /// The rules that set the columns of an announced table.
  const ColumnRules& rules() const { return rules_; }
  /// `key`: the folded name.
  std::optional<AgreedTable> Find(const std::string& key) const {
    const MutexLock lock(mutex_);
    const auto found = tables_.find(key);
    return found == tables_.end() ? std::nullopt : std::optional(found->second.table);
  }
  /// Returns the definition as of `version`, see Store::ReadDataVersion(). Absent: the kept one may be
  /// outdated.
  std::optional<AgreedTable> FindAt(const std::string& key, std::int64_t version) const {
    const MutexLock lock(mutex_);
    const auto found = tables_.find(key);
    if (found == tables_.end() || found->second.version != version) return std::nullopt;
    return found->second.table;
  }
  void Keep(const std::string& key, const AgreedTable& table, std::int64_t version) {
    const MutexLock lock(mutex_);
    tables_[key] = {table, version};
  }
  void Forget() {
    const MutexLock lock(mutex_);
    tables_.clear();
  }

 private:
  struct Kept {
    AgreedTable table;
    std::int64_t version = 0;
  };
  const ColumnRules rules_;
  mutable Mutex mutex_;
  std::map<std::string, Kept> tables_ MIRROR_GUARDED_BY(mutex_);
};

/// Reads the size of a shared mirror, where that takes a query. It queries only after a change of the mirror,
/// and at most once a minute, unless the number of rows changed a lot. Threads: none; used under the tenant's
/// lock.
class MirrorSize {
 public:
  /// Updates the size in `summary`, whose other fields must be current.
  void Renew(Store& store, std::chrono::steady_clock::time_point now, TenantSummary* summary) {
    const std::pair<std::int64_t, std::int64_t> state(summary->rows, summary->lsn);
    const bool is_early = asked_at_ && now - *asked_at_ < kAskAgain && !IsFarFrom(summary->rows);
    if (summary->bytes > 0 && (state_ == state || is_early)) return;
    summary->bytes = store.upkeep().BytesOnDisk();
    state_ = state;
    asked_at_ = now;
  }

 private:
  static constexpr std::chrono::seconds kAskAgain{60};
  static constexpr std::int64_t kFewRows = 100;

  /// Returns whether the number of rows differs from the last query's by more than a quarter, as after a
  /// first population.
  bool IsFarFrom(std::int64_t rows) const {
    const std::int64_t before = state_ ? state_->first : 0;
    const std::int64_t difference = rows > before ? rows - before : before - rows;
    return difference > kFewRows && difference > before / 4;
  }

  std::optional<std::pair<std::int64_t, std::int64_t>> state_;  ///< Rows and LSN at the last query.
  std::optional<std::chrono::steady_clock::time_point> asked_at_;
};

/// Opens a tenant's store; `create` creates a new one. Set by Tenants.
using OpenStore = std::function<absl::StatusOr<std::unique_ptr<Store>>(bool create)>;

/// Adds writes to the end of a cycle. Called in its transaction; `plan` already has the final tenant row.
/// After an error the cycle keeps running. Empty: adds nothing.
using PlanEnd = std::function<absl::Status(const TenantRecord& before, Plan* plan)>;

/// State of a tenant's file, open or not.
struct TenantFile {
  OpenStore open;
  bool retired = false;  ///< The file must not be opened any more.
  /// The file is another one, and the cycle in it has not been ended yet.
  bool replaced = false;
  bool told_lost = false;  ///< The loss was reported since the last open.
  /// Why all calls are refused; empty: the mirror is not in quarantine.
  std::string quarantine;
  /// The tenant's row as last read. It is still known if the file gets damaged.
  std::optional<TenantRecord> owner;
};

/// A tenant's store, its lock, and the state of both. All calls of a tenant share it. It opens the store when
/// a call needs it, commits to it and closes it. It puts a damaged store in quarantine.
///
/// Errors:
///   kPermissionDenied  the tenant belongs to another issuer or environment, or was deleted
///   kAborted           the cycle is over
///   kUnavailable, kDataLoss, kResourceExhausted  as Store
/// Threads: any. Methods that require the lock say so. What the lock guards is returned only to a caller that
/// holds it.
class Mirror {
 public:
  /// `events` must outlive this object. `make_room`: called after a store was opened.
  Mirror(std::string context_id, OpenStore open, const TenantOptions& options, Events& events,
         std::function<void()> make_room);

  const std::string& context_id() const { return context_id_; }
  const TenantOptions& options() const { return options_; }
  bool is_open() const { return is_open_; }
  /// Adds an event of this tenant.
  void Tell(Severity severity, std::string_view kind, std::string text);

  /// The tenant's lock. Calls hold it while they use the file. Other mutexes are taken after it, for a short
  /// time.
  Mutex& mutex() MIRROR_RETURNS(mutex_) { return mutex_; }

  /// kNeeded: a mirror in quarantine is not opened. kLook: it is opened for a check.
  enum class Trust : std::uint8_t { kNeeded, kLook };
  absl::Status Open(bool create, std::int64_t now_ms, Trust trust = Trust::kNeeded) MIRROR_REQUIRES(mutex_);
  /// Returns the store; null: it is closed. QuarantineIfDamaged() may have closed it.
  Store* store() MIRROR_REQUIRES(mutex_) { return store_.get(); }
  /// Checks whether an error means that the database is damaged. If so, puts the mirror in quarantine until
  /// an operator acts. Returns the status for the answer.
  absl::Status QuarantineIfDamaged(absl::Status status) MIRROR_REQUIRES(mutex_);
  /// Does the same for the result of a read. Returns a value unchanged.
  template <typename Value>
  absl::StatusOr<Value> QuarantineIfDamaged(absl::StatusOr<Value> value) MIRROR_REQUIRES(mutex_) {
    if (!value.ok()) return QuarantineIfDamaged(value.status());
    return value;
  }
  TenantFile& file() MIRROR_REQUIRES(mutex_) { return file_; }
  void Close() MIRROR_REQUIRES(mutex_);
  /// Closes the store if no call uses it. Returns false if it is in use or already closed.
  bool CloseIfIdle() MIRROR_EXCLUDES(mutex_);
  /// Called when another tenant's store may have to be closed, because this one was opened.
  void MakeRoom() const { make_room_(); }

  /// Checks that the cycle of `tenant` runs, and notes that this server serves it. Ends the cycle if it was
  /// idle for too long.
  absl::Status CheckRunning(const Caller& caller, std::int64_t cycle, std::int64_t now_ms,
                            const TenantRecord& tenant) MIRROR_REQUIRES(mutex_);
  /// Ends the running cycle, whichever it is.
  absl::Status EndCycle(std::int64_t now_ms, const PlanEnd& add = {}, const Intent& intent = {})
      MIRROR_REQUIRES(mutex_);

  /// Begins a transaction, as Writing::Begin() does. If the mirror has moved to another place, opens it there
  /// and begins again:
  ///
  ///   while (mirror.Begin(writing)) writing.Commit(MakePlan(writing.tenant()));
  ///   return mirror.Finish(writing);
  bool Begin(Writing& writing) MIRROR_REQUIRES(mutex_);
  /// Returns what was committed. Called after Begin() returned false. Absent: there was no plan. An error may
  /// have closed the store.
  absl::StatusOr<std::optional<Committed>> Finish(Writing& writing) MIRROR_REQUIRES(mutex_);
  /// Updates the parts of seen() that `look` names. Called after these parts may have changed.
  void Summarize(Look look) MIRROR_REQUIRES(mutex_);

  RunningCycle& cycle() MIRROR_REQUIRES(mutex_) { return cycle_; }
  CycleProgress& progress() MIRROR_REQUIRES(mutex_) { return progress_; }
  PartnerNews& partner() MIRROR_REQUIRES(mutex_) { return partner_; }
  IndexFollower& indexes() MIRROR_REQUIRES(mutex_) { return indexes_; }
  // The methods below do not need the tenant's lock.
  AgreedTables& agreed() { return agreed_; }
  const AgreedTables& agreed() const { return agreed_; }
  SeenSummary& seen() { return seen_; }
  const SeenSummary& seen() const { return seen_; }
  const HookWriter& hooks() const { return hooks_; }

 private:
  void FindStale() MIRROR_REQUIRES(mutex_);
  absl::Status EndCycleInNewFile(std::int64_t now_ms) MIRROR_REQUIRES(mutex_);
  void TellUnavailable(const absl::Status& status) MIRROR_REQUIRES(mutex_);

  const std::string context_id_;
  const TenantOptions options_;
  const std::function<void()> make_room_;
  Events& events_;
  const HookWriter hooks_;
  /// Null: for no table anything is recorded beside the rows.
  const std::shared_ptr<const JournalRules> journal_;
  AgreedTables agreed_;
  SeenSummary seen_;

  Mutex mutex_;
  std::unique_ptr<Store> store_ MIRROR_GUARDED_BY(mutex_);
  std::atomic<bool> is_open_{false};
  TenantFile file_ MIRROR_GUARDED_BY(mutex_);
  RunningCycle cycle_ MIRROR_GUARDED_BY(mutex_);
  CycleProgress progress_ MIRROR_GUARDED_BY(mutex_);
  PartnerNews partner_ MIRROR_GUARDED_BY(mutex_);
  IndexFollower indexes_ MIRROR_GUARDED_BY(mutex_);
  /// Text of the last event about an unavailable mirror; empty: something was written after it.
  std::string told_unavailable_ MIRROR_GUARDED_BY(mutex_);
  MirrorSize size_ MIRROR_GUARDED_BY(mutex_);
};

/// Ends a cycle without progress. Errors: kAborted: the cycle has ended, or makes progress again.
absl::Status EndIdleCycle(Mirror& mirror, std::int64_t cycle, std::int64_t now_ms)
    MIRROR_REQUIRES(mirror.mutex());
/// Returns the plan that ends the cycle of `tenant`, for a transaction that has begun. After its commit
/// NoteCycleEnd() is called.
Plan PlanCycleEnd(const TenantRecord& tenant, const TenantOptions& options, std::int64_t now_ms);
void NoteCycleEnd(Mirror& mirror, const TenantRecord& before, const TenantRecord& ended, std::int64_t now_ms)
    MIRROR_REQUIRES(mirror.mutex());
/// Reads the tenant's row of an open mirror. If the mirror has moved, reads it at the new place. Errors:
/// already passed to QuarantineIfDamaged().
absl::StatusOr<TenantRecord> ReadTenantOf(Mirror& mirror, std::int64_t now_ms)
    MIRROR_REQUIRES(mirror.mutex());
/// Opens the mirror and returns the tenant's row, if `cycle` runs.
absl::StatusOr<TenantRecord> ReadRunning(Mirror& mirror, const Caller& caller, std::int64_t cycle,
                                         std::int64_t now_ms) MIRROR_REQUIRES(mirror.mutex());
absl::Status CheckOwner(const Caller& caller, const TenantRecord& tenant);
/// Checks that the tenant is the caller's and that `cycle` runs. Planners check this again, because another
/// cycle may have begun while they waited for the store's lock.
absl::Status CheckCycle(const Caller& caller, std::int64_t cycle, const TenantRecord& tenant);
/// Called before data of the lists changes: see SharedLists and TenantOptions::forget_summary. Errors:
/// kUnavailable.
absl::Status ForgetListed(Mirror& mirror);
/// Opens the mirror. Errors: kNotFound: there is no file. (For a source, a missing file means that the cycle
/// has ended.)
absl::Status OpenForOperator(Mirror& mirror, std::int64_t now_ms,
                             Mirror::Trust trust = Mirror::Trust::kNeeded) MIRROR_REQUIRES(mirror.mutex());
/// Returns the error for a batch or an advance of a table that is not mirrored in this cycle.
absl::Status NotAgreed(const std::string& table);
/// Returns the agreed definition, for decoding. Usually it is cached. The tenant's lock is taken, which waits
/// for a running request, in two cases: the table is not cached, or its hash is not `schema_hash`, because
/// another server may have agreed on a new definition. Empty `schema_hash`: the present definition; in a
/// shared mirror this always takes the lock. Errors: kFailedPrecondition: there is none.
absl::StatusOr<AgreedTable> ReadAgreed(Mirror& mirror, const Caller& caller, const std::string& table,
                                       std::string_view schema_hash) MIRROR_EXCLUDES(mirror.mutex());
/// Reports changed holds. `written`: the new ones; `known`: the holds from which the plan was made.
void TellHolds(Mirror& mirror, const std::vector<Hold>& known, const std::vector<Hold>& written)
    MIRROR_REQUIRES(mirror.mutex());
/// Reports tables whose configured history cannot be kept.
void TellNotKept(Mirror& mirror, const std::vector<AnnouncedTable>& tables) MIRROR_REQUIRES(mirror.mutex());
/// Updates seen() from the mirror, and opens the mirror for it. Returns false if a call is running or the
/// mirror cannot be read.
bool SummarizeNow(Mirror& mirror, std::int64_t now_ms) MIRROR_EXCLUDES(mirror.mutex());
/// Writes the configured freshness targets into the mirror, if they differ. Does not report an error: it
/// occurs again in the running call, which reports it.
void KeepTargets(Store& store, const FreshnessRules& rules, const std::string& context_id);

// Add the event for a cycle that ended badly. Each counts as a failure until a cycle ends well.
void TellCycleFailed(Mirror& mirror, std::int64_t cycle, const std::string& why, const std::string& next);
void TellTimedOut(Mirror& mirror, std::int64_t cycle);
void TellInterrupted(Mirror& mirror, std::int64_t cycle);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_MIRROR_H_
