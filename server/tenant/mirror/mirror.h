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

/// Writes a tenant's notes for hooks, in the transaction that they report.
/// Threads: any; it has no state.
class HookWriter {
 public:
  /// `hooks` may be null: there are none.
  HookWriter(const HookBook* hooks, const std::string& context_id) : hooks_(hooks), context_id_(context_id) {}

  /// For the end of a cycle. `tables` must outlive the result, which is empty without hooks.
  HookNotes OfCompletion(std::int64_t cycle, std::int64_t now_ms,
                         const std::vector<CompletedTable>& tables) const;
  /// Adds notes about announced tables: the actual outcome for each table, not the planned one.
  void AddTables(AnnouncePlan* planned) const;
  /// Adds notes for the tables whose population begins with a step of `plan`.
  void AddWiped(Plan* plan) const;
  void Set(HookNotes notes, Plan* plan) const;
  /// `plan` was committed: wakes the threads that deliver its notes.
  void Wake(const Plan& plan) const;
  /// Signals that waiting notes may be delivered from now on.
  void Wake() const;

 private:
  std::vector<HookNote> NotesFor(const char* event, std::int64_t cycle, std::int64_t now_ms,
                                 const std::function<std::string(const HookCycle&)>& text) const;

  const HookBook* const hooks_;
  const std::string context_id_;
};

/// Reports data that a partner put into tables of the mirror and will
/// lose, before it is lost: each case once, and again after a restart.
/// Threads: none; used under the tenant's lock.
class PartnerNews {
 public:
  PartnerNews(const std::string& context_id, Events& events) : context_id_(context_id), events_(events) {}

  void TellColumns(const std::vector<TouchedTable>& touched);
  /// Called before rows of the table are deleted. Counts the partner's rows, once in a cycle.
  void TellRows(Store& store, std::int64_t cycle, const std::string& table, const char* what_comes);

 private:
  const std::string context_id_;
  Events& events_;
  std::set<std::string> told_;      ///< Texts about columns and rows.
  std::int64_t counted_cycle_ = 0;  ///< The cycle to which `counted_` belongs.
  std::set<std::string> counted_;   ///< Folded tables whose rows were counted.
};

/// Time of a cycle's last progress: the duration of a call does not count
/// as idle. Progress at another server is only in the tenant's row.
/// Threads: none; used under the tenant's lock.
class CycleProgress {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;

  /// Both arguments must outlive this object.
  CycleProgress(const TenantOptions& options, SeenSummary& seen) : options_(options), seen_(seen) {}

  /// Returns the cycle of the last Note().
  std::int64_t cycle() const { return cycle_; }
  SteadyTime Now() const { return options_.steady_now(); }
  /// Returns the unix time now, for a call that arrived at `came_ms`.
  std::int64_t EndOf(std::int64_t came_ms, SteadyTime began) const {
    return came_ms + std::chrono::duration_cast<std::chrono::milliseconds>(Now() - began).count();
  }
  void Note(std::int64_t cycle, std::int64_t ended_ms) {
    cycle_ = cycle;
    ended_ms_ = ended_ms;
    seen_.NoteProgress(ended_ms);
  }
  /// Returns a time from the mirror's row, or 0 if the time is unusable. In a shared mirror a server with a
  /// wrong clock may have written it: a time far after `now_ms` is not used. Other mirrors have one clock.
  std::int64_t Counted(std::int64_t stored_ms, std::int64_t now_ms) const {
    return options_.is_shared && stored_ms > now_ms + kStoredAheadMaxMs ? 0 : stored_ms;
  }
  /// Returns the latest time that the mirror has seen, at `now_ms`.
  std::int64_t LatestOf(const TenantRecord& tenant, std::int64_t now_ms) const {
    return std::max(Counted(tenant.clock_ms, now_ms), now_ms);
  }
  /// Returns the time until which the nonce of a token that expires at `expires_ms` is remembered.
  /// In a shared mirror it is longer: its database's clock may be set back, and Counted() drops some times.
  std::int64_t NonceEnds(std::int64_t expires_ms) const {
    return options_.is_shared ? expires_ms + kNonceKeptMs : expires_ms;
  }
  bool IsIdle(const TenantRecord& tenant, std::int64_t now_ms) const {
    // A note about another cycle says nothing about one in a copy that was restored since.
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

/// Cache of agreed definitions, so that the next request is decoded while one is applied. A
/// definition that another server agreed since is detected by the hash in a batch, and in calls
/// without a hash by the version. Threads: any may find. Keep() and Forget() are called under
/// the tenant's lock, so that a definition that was read before a change is not kept after it.
class AgreedTables {
 public:
  AgreedTables(const ColumnRulesConfig& rules, const std::optional<std::string>& secret,
               const std::string& context_id)
      : rules_(rules, secret, context_id) {}

  /// Rules that set the columns of an announced table.
  const ColumnRules& rules() const { return rules_; }
  /// `key`: the folded name.
  std::optional<AgreedTable> Find(const std::string& key) const {
    const MutexLock lock(mutex_);
    const auto found = tables_.find(key);
    return found == tables_.end() ? std::nullopt : std::optional(found->second.table);
  }
  /// Returns the definition at `version`, see Store::ReadDataVersion(); absent: it may be outdated.
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

/// Asks a shared mirror for its size, if that takes a query: only after a change of
/// the mirror, and at most once a minute, unless the number of rows changed a lot.
/// Threads: none; used under the tenant's lock.
class MirrorSize {
 public:
  /// Renews the size in `summary`, whose other fields must be current.
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

  /// Whether rows differ by more than a quarter from the last query, as after a first population.
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

/// Adds writes to the end of a cycle: called in its transaction, with `plan`, whose
/// tenant row is the final one. An error leaves the cycle running. Empty: adds nothing.
using PlanEnd = std::function<absl::Status(const TenantRecord& before, Plan* plan)>;

/// State of a tenant's file, open or not.
struct TenantFile {
  OpenStore open;
  bool retired = false;  ///< The file must not be opened any more.
  /// Another file was found, and the cycle in it has not been ended yet.
  bool replaced = false;
  bool told_lost = false;  ///< The loss was reported since the last open.
  /// Why everything is refused; empty: no quarantine.
  std::string quarantine;
  /// The tenant's row as last read: it survives damage of the file.
  std::optional<TenantRecord> owner;
};

/// A tenant's store, its lock, and the state of both. It opens the store when it is needed,
/// quarantines it when it is damaged, commits to it and closes it. All calls of a tenant share it.
///
/// Errors:
///   kPermissionDenied  the tenant belongs to another issuer or environment, or was deleted
///   kAborted           the cycle is over
///   kUnavailable, kDataLoss, kResourceExhausted  as Store
/// Threads: any. Methods that require the lock say so; what it guards is returned only to its holder.
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

  /// A tenant's calls hold it during file access; other mutexes are taken after it, for a moment.
  Mutex& mutex() MIRROR_RETURNS(mutex_) { return mutex_; }

  /// kNeeded: a quarantined mirror is not opened; kLook: it is opened for a check.
  enum class Trust : std::uint8_t { kNeeded, kLook };
  absl::Status Open(bool create, std::int64_t now_ms, Trust trust = Trust::kNeeded) MIRROR_REQUIRES(mutex_);
  /// Null: the store is closed. An error passed to QuarantineIfDamaged() may have closed it.
  Store* store() MIRROR_REQUIRES(mutex_) { return store_.get(); }
  /// Checks an error for damage of the database: then quarantines the mirror until an operator acts.
  /// Returns the status to answer with.
  absl::Status QuarantineIfDamaged(absl::Status status) MIRROR_REQUIRES(mutex_);
  /// The same for what was read; a value is returned as it is.
  template <typename Value>
  absl::StatusOr<Value> QuarantineIfDamaged(absl::StatusOr<Value> value) MIRROR_REQUIRES(mutex_) {
    if (!value.ok()) return QuarantineIfDamaged(value.status());
    return value;
  }
  TenantFile& file() MIRROR_REQUIRES(mutex_) { return file_; }
  void Close() MIRROR_REQUIRES(mutex_);
  /// Closes the store if no call uses it. False: it is in use or already closed.
  bool CloseIfIdle() MIRROR_EXCLUDES(mutex_);
  /// Called when another tenant's store may have to be closed for this one.
  void MakeRoom() const { make_room_(); }

  /// Checks that the cycle of `tenant` runs, and notes that this server serves it; ends an idle cycle.
  absl::Status CheckRunning(const Caller& caller, std::int64_t cycle, std::int64_t now_ms,
                            const TenantRecord& tenant) MIRROR_REQUIRES(mutex_);
  /// Ends the running cycle, whichever it is.
  absl::Status EndCycle(std::int64_t now_ms, const PlanEnd& add = {}, const Intent& intent = {})
      MIRROR_REQUIRES(mutex_);

  /// Like Writing::Begin(). If the mirror turns out to be
  /// in another place, it is opened there, and begun again:
  ///
  ///   while (mirror.Begin(writing)) writing.Commit(MakePlan(writing.tenant()));
  ///   return mirror.Finish(writing);
  bool Begin(Writing& writing) MIRROR_REQUIRES(mutex_);
  /// Called once Begin() returned false. Absent: there was no plan. An error may have closed the store.
  absl::StatusOr<std::optional<Committed>> Finish(Writing& writing) MIRROR_REQUIRES(mutex_);
  /// Renews seen() as far as `look` says. Called where it may have changed.
  void Summarize(Look look) MIRROR_REQUIRES(mutex_);

  RunningCycle& cycle() MIRROR_REQUIRES(mutex_) { return cycle_; }
  CycleProgress& progress() MIRROR_REQUIRES(mutex_) { return progress_; }
  PartnerNews& partner() MIRROR_REQUIRES(mutex_) { return partner_; }
  IndexFollower& indexes() MIRROR_REQUIRES(mutex_) { return indexes_; }
  // These need no lock of the tenant's.
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
  /// Null: nothing is recorded besides the rows, for any table.
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
  /// Text of the last event about unavailability; empty: something was written since.
  std::string told_unavailable_ MIRROR_GUARDED_BY(mutex_);
  MirrorSize size_ MIRROR_GUARDED_BY(mutex_);
};

/// Ends a cycle without progress. Errors: kAborted: it is over, or it makes progress again.
absl::Status EndIdleCycle(Mirror& mirror, std::int64_t cycle, std::int64_t now_ms)
    MIRROR_REQUIRES(mirror.mutex());
/// Returns the plan that ends the cycle of `tenant`, for a running
/// transaction. NoteCycleEnd() records the end once it is committed.
Plan PlanCycleEnd(const TenantRecord& tenant, const TenantOptions& options, std::int64_t now_ms);
void NoteCycleEnd(Mirror& mirror, const TenantRecord& before, const TenantRecord& ended, std::int64_t now_ms)
    MIRROR_REQUIRES(mirror.mutex());
/// Reads the tenant's row of an open mirror; from the mirror's current place, if it has moved.
/// Errors: already passed to QuarantineIfDamaged().
absl::StatusOr<TenantRecord> ReadTenantOf(Mirror& mirror, std::int64_t now_ms)
    MIRROR_REQUIRES(mirror.mutex());
/// Opens the mirror and returns the tenant's row, if `cycle` runs.
absl::StatusOr<TenantRecord> ReadRunning(Mirror& mirror, const Caller& caller, std::int64_t cycle,
                                         std::int64_t now_ms) MIRROR_REQUIRES(mirror.mutex());
absl::Status CheckOwner(const Caller& caller, const TenantRecord& tenant);
/// Checks that the tenant is the caller's and that `cycle` runs. Planners check
/// it, too: another cycle may have begun while they waited for the store's lock.
absl::Status CheckCycle(const Caller& caller, std::int64_t cycle, const TenantRecord& tenant);
/// Called before data of the lists changes: see SharedLists, TenantOptions::forget_summary. Errors:
/// kUnavailable.
absl::Status ForgetListed(Mirror& mirror);
/// Opens the mirror. A missing file is kNotFound, not the end of a cycle as for a source.
absl::Status OpenForOperator(Mirror& mirror, std::int64_t now_ms,
                             Mirror::Trust trust = Mirror::Trust::kNeeded) MIRROR_REQUIRES(mirror.mutex());
/// Returns the error for a batch or an advance of a table that this cycle does not mirror.
absl::Status NotAgreed(const std::string& table);
/// Returns the agreed definition, for decoding. Takes the tenant's lock, and so waits for a
/// running request, only if the table is not cached or has another hash than `schema_hash`:
/// another server may have agreed a new one. Empty `schema_hash`: the present definition; in
/// a shared mirror this always takes the lock. Errors: kFailedPrecondition: there is none.
absl::StatusOr<AgreedTable> ReadAgreed(Mirror& mirror, const Caller& caller, const std::string& table,
                                       std::string_view schema_hash) MIRROR_EXCLUDES(mirror.mutex());
/// Reports changed holds; `written` are new ones, `known` are those from which the plan was made.
void TellHolds(Mirror& mirror, const std::vector<Hold>& known, const std::vector<Hold>& written)
    MIRROR_REQUIRES(mirror.mutex());
/// Reports tables for which the configuration requests a history that cannot be kept.
void TellNotKept(Mirror& mirror, const std::vector<AnnouncedTable>& tables) MIRROR_REQUIRES(mirror.mutex());
/// Renews seen() from the mirror, which is opened for it. False:
/// not now, as a call is running or the mirror cannot be read.
bool SummarizeNow(Mirror& mirror, std::int64_t now_ms) MIRROR_EXCLUDES(mirror.mutex());
/// Writes the configured freshness targets into the mirror, if they differ. An
/// error here occurs again in the running call, which reports it.
void KeepTargets(Store& store, const FreshnessRules& rules, const std::string& context_id);

// Add the events of a cycle that ended badly; each counts as a failure until a cycle ends well.
void TellCycleFailed(Mirror& mirror, std::int64_t cycle, const std::string& why, const std::string& next);
void TellTimedOut(Mirror& mirror, std::int64_t cycle);
void TellInterrupted(Mirror& mirror, std::int64_t cycle);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_MIRROR_H_
