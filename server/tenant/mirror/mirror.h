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

/// What a tenant writes down for hooks, in the transaction of what they are told.
/// Threads: any; it has no state.
class HookWriter {
 public:
  /// `hooks` may be null: there are none.
  HookWriter(const HookBook* hooks, const std::string& context_id) : hooks_(hooks), context_id_(context_id) {}

  /// At the end of a cycle. `tables` outlive what is returned, which is empty without hooks.
  HookNotes OfCompletion(std::int64_t cycle, std::int64_t now_ms,
                         const std::vector<CompletedTable>& tables) const;
  /// They are told what became of the tables, not what was planned.
  void AddTables(AnnouncePlan* planned) const;
  /// Of the tables whose population a step of `plan` begins.
  void AddWiped(Plan* plan) const;
  void Set(HookNotes notes, Plan* plan) const;
  /// `plan` was committed: who delivers them is woken.
  void Wake(const Plan& plan) const;
  /// What waits may be delivered from now on.
  void Wake() const;

 private:
  std::vector<HookNote> NotesFor(const char* event, std::int64_t cycle, std::int64_t now_ms,
                                 const std::function<std::string(const HookCycle&)>& text) const;

  const HookBook* const hooks_;
  const std::string context_id_;
};

/// Tells what a partner put into tables of the mirror and will lose, while it is there: once for the same,
/// and again after a restart.
/// Threads: none; used under the tenant's lock.
class PartnerNews {
 public:
  PartnerNews(const std::string& context_id, Events& events) : context_id_(context_id), events_(events) {}

  void TellColumns(const std::vector<TouchedTable>& touched);
  /// Before rows of it go. Counts them, once in a cycle.
  void TellRows(Store& store, std::int64_t cycle, const std::string& table, const char* what_comes);

 private:
  const std::string context_id_;
  Events& events_;
  std::set<std::string> told_;      ///< Of columns and rows.
  std::int64_t counted_cycle_ = 0;  ///< That of `counted_`.
  std::set<std::string> counted_;   ///< Folded tables whose rows were counted.
};

/// When a cycle last made progress: the time that a call took does not count as idle. What it made at another
/// server stands in the tenant's row alone.
/// Threads: none; used under the tenant's lock.
class CycleProgress {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;

  /// Both outlive it.
  CycleProgress(const TenantOptions& options, SeenSummary& seen) : options_(options), seen_(seen) {}

  /// The cycle that was noted last.
  std::int64_t cycle() const { return cycle_; }
  SteadyTime Now() const { return options_.steady_now(); }
  /// Where a call that came at `came_ms` ends now.
  std::int64_t EndOf(std::int64_t came_ms, SteadyTime began) const {
    return came_ms + std::chrono::duration_cast<std::chrono::milliseconds>(Now() - began).count();
  }
  void Note(std::int64_t cycle, std::int64_t ended_ms) {
    cycle_ = cycle;
    ended_ms_ = ended_ms;
    seen_.NoteProgress(ended_ms);
  }
  /// A time that the mirror's row has, as far as it counts. In a shared mirror a server with a wrong clock
  /// may have written it: far beyond `now_ms` it says nothing. Elsewhere all times are by one clock.
  std::int64_t Counted(std::int64_t stored_ms, std::int64_t now_ms) const {
    return options_.is_shared && stored_ms > now_ms + kStoredAheadMaxMs ? 0 : stored_ms;
  }
  /// The latest time that the mirror has seen, at `now_ms`.
  std::int64_t LatestOf(const TenantRecord& tenant, std::int64_t now_ms) const {
    return std::max(Counted(tenant.clock_ms, now_ms), now_ms);
  }
  /// Until when the nonce of a token is remembered that ends at `expires_ms`. In a shared mirror longer: the
  /// clock of its database may be set back, and a time far ahead does not count.
  std::int64_t NonceEnds(std::int64_t expires_ms) const {
    return options_.is_shared ? expires_ms + kNonceKeptMs : expires_ms;
  }
  bool IsIdle(const TenantRecord& tenant, std::int64_t now_ms) const {
    // What was noted of another cycle says nothing of one in a copy that was put there since.
    const std::int64_t noted_ms = tenant.cycle == cycle_ ? ended_ms_ : 0;
    return now_ms - std::max(Counted(tenant.progress_ms, now_ms), noted_ms) > options_.cycle_idle_ms;
  }

 private:
  /// The longest lifetime of a token, and the leeway, as they are configured by default.
  static constexpr std::int64_t kNonceKeptMs = 31 * 60'000;

  const TenantOptions& options_;
  SeenSummary& seen_;
  std::int64_t cycle_ = 0;
  std::int64_t ended_ms_ = 0;
};

/// Agreed definitions that were read, so that the next request is decoded while one is applied. What another
/// server agreed anew since is noticed by the hash that a batch has, and where a call has none, by the
/// version. Threads: any may find. Keep() and Forget() are called under the tenant's lock, so that what was
/// read before a change is not kept behind it.
class AgreedTables {
 public:
  AgreedTables(const ColumnRulesConfig& rules, const std::optional<std::string>& secret,
               const std::string& context_id)
      : rules_(rules, secret, context_id) {}

  /// What an announced table's columns are to be set by.
  const ColumnRules& rules() const { return rules_; }
  /// `key`: the folded name.
  std::optional<AgreedTable> Find(const std::string& key) const {
    const MutexLock lock(mutex_);
    const auto found = tables_.find(key);
    return found == tables_.end() ? std::nullopt : std::optional(found->second.table);
  }
  /// As it is at `version`, see Store::ReadDataVersion(); absent: it may be another one by now.
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

/// Asks a shared mirror for its size, where that is a query: only when the mirror changed since, and no more
/// often than once a minute, unless its rows became far more or far fewer. Threads: none; used under the
/// tenant's lock.
class MirrorSize {
 public:
  /// Renews the size in `summary`, whose other fields are those of now.
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

  /// A quarter more or fewer than when it was asked, as behind a first population.
  bool IsFarFrom(std::int64_t rows) const {
    const std::int64_t before = state_ ? state_->first : 0;
    const std::int64_t difference = rows > before ? rows - before : before - rows;
    return difference > kFewRows && difference > before / 4;
  }

  std::optional<std::pair<std::int64_t, std::int64_t>> state_;  ///< Rows and LSN when it was asked.
  std::optional<std::chrono::steady_clock::time_point> asked_at_;
};

/// How a tenant gets at its store; `create` makes a new one. Set by Tenants.
using OpenStore = std::function<absl::StatusOr<std::unique_ptr<Store>>(bool create)>;

/// What the end of a cycle writes beside that end: asked in its transaction, for `plan`, whose tenant's row
/// is as it will be. Its error leaves the cycle running. Absent: nothing more.
using PlanEnd = std::function<absl::Status(const TenantRecord& before, Plan* plan)>;

/// A tenant's file, whether it is open or not.
struct TenantFile {
  OpenStore open;
  bool retired = false;  ///< It is not opened any more.
  /// Another file was found, and the cycle in it has not been ended yet.
  bool replaced = false;
  bool told_lost = false;  ///< That it is lost, since it was opened last.
  /// Why nothing is taken; empty: all is well.
  std::string quarantine;
  /// Its tenant's row as it was last read: outlives a file that is damaged.
  std::optional<TenantRecord> owner;
};

/// A tenant's store, its lock, and what is known of both: opened when it is needed, quarantined when it is
/// damaged, committed to, closed. What a tenant's calls share.
///
/// Errors:
///   kPermissionDenied  the tenant belongs to another issuer or environment, or is no more
///   kAborted           the cycle is over
///   kUnavailable, kDataLoss, kResourceExhausted  as Store
/// Threads: any. What requires the lock says so; what is kept under it is given out to who holds it alone.
class Mirror {
 public:
  /// `events` outlives it. `make_room`: called when a store was opened.
  Mirror(std::string context_id, OpenStore open, const TenantOptions& options, Events& events,
         std::function<void()> make_room);

  const std::string& context_id() const { return context_id_; }
  const TenantOptions& options() const { return options_; }
  bool is_open() const { return is_open_; }
  /// An event of this tenant's.
  void Tell(Severity severity, std::string_view kind, std::string text);

  /// A tenant's calls wait for it while a file is touched; the others are held for a moment, behind it.
  Mutex& mutex() MIRROR_RETURNS(mutex_) { return mutex_; }

  /// What is quarantined is not opened, unless it is to be looked at.
  enum class Trust : std::uint8_t { kNeeded, kLook };
  absl::Status Open(bool create, std::int64_t now_ms, Trust trust = Trust::kNeeded) MIRROR_REQUIRES(mutex_);
  /// Null: it is closed. What gives an error to Noticed() may have closed it.
  Store* store() MIRROR_REQUIRES(mutex_) { return store_.get(); }
  /// Remembers that a database is damaged: it takes nothing more until an operator acts. Gives what is to be
  /// answered.
  absl::Status Noticed(absl::Status status) MIRROR_REQUIRES(mutex_);
  TenantFile& file() MIRROR_REQUIRES(mutex_) { return file_; }
  void Close() MIRROR_REQUIRES(mutex_);
  /// Closes the store when nobody uses it. False: it is in use or closed already.
  bool CloseIfIdle() MIRROR_EXCLUDES(mutex_);
  /// Somebody else's store may be closed for this one.
  void MakeRoom() const { make_room_(); }

  /// The tenant's row, when `cycle` runs.
  absl::StatusOr<TenantRecord> Running(const Caller& caller, std::int64_t cycle, std::int64_t now_ms)
      MIRROR_REQUIRES(mutex_);
  absl::Status CheckRunning(const Caller& caller, std::int64_t cycle, std::int64_t now_ms,
                            const TenantRecord& tenant) MIRROR_REQUIRES(mutex_);
  /// Whichever runs.
  absl::Status EndCycle(std::int64_t now_ms, const PlanEnd& add = {}, const Intent& intent = {})
      MIRROR_REQUIRES(mutex_);

  /// As Writing::Begin(). Where the mirror turns out to be elsewhere by now it is opened there, and begun
  /// once more:
  ///
  ///   while (mirror.Begin(writing)) writing.Commit(MakePlan(writing.tenant()));
  ///   return mirror.Finish(writing);
  bool Begin(Writing& writing) MIRROR_REQUIRES(mutex_);
  /// Once Begin() gave false. Absent: there was no plan. The store may be closed behind an error.
  absl::StatusOr<std::optional<Committed>> Finish(Writing& writing) MIRROR_REQUIRES(mutex_);
  /// Renews seen(), as far as `look` says. Called where it may have changed.
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
  /// Null: nothing is noted beside the rows of any table.
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
  /// What the last event about it said; empty: something was written since.
  std::string told_unavailable_ MIRROR_GUARDED_BY(mutex_);
  MirrorSize size_ MIRROR_GUARDED_BY(mutex_);
};

/// Ends a cycle that makes no progress. Errors: kAborted when it is over, or makes progress by now.
absl::Status EndIdleCycle(Mirror& mirror, std::int64_t cycle, std::int64_t now_ms)
    MIRROR_REQUIRES(mirror.mutex());
/// The plan that ends the cycle of `tenant`, for a transaction that is under way; then what is known once it
/// is committed.
Plan PlanCycleEnd(const TenantRecord& tenant, const TenantOptions& options, std::int64_t now_ms);
void NoteCycleEnd(Mirror& mirror, const TenantRecord& before, const TenantRecord& ended, std::int64_t now_ms)
    MIRROR_REQUIRES(mirror.mutex());
/// The row of a tenant whose mirror is open; from where it is served by now, if that is another place.
/// Errors: Noticed() already.
absl::StatusOr<TenantRecord> ReadTenantOf(Mirror& mirror, std::int64_t now_ms)
    MIRROR_REQUIRES(mirror.mutex());
absl::Status CheckOwner(const Caller& caller, const TenantRecord& tenant);
/// Whether the tenant is the caller's and `cycle` is the running one. For planners, too: another one may have
/// begun while they waited for the store's lock.
absl::Status CheckCycle(const Caller& caller, std::int64_t cycle, const TenantRecord& tenant);
/// Opens it in an operator's words: a file that is gone is no cycle's end. Errors: kNotFound then.
/// Before what lists are made of may become another: see SharedLists, TenantOptions::forget_summary. Errors:
/// kUnavailable.
absl::Status ForgetListed(Mirror& mirror);
absl::Status OpenForOperator(Mirror& mirror, std::int64_t now_ms,
                             Mirror::Trust trust = Mirror::Trust::kNeeded) MIRROR_REQUIRES(mirror.mutex());
/// What a batch or an advance of a table gets that this cycle does not mirror.
absl::Status NotAgreed(const std::string& table);
/// The agreed definition, for decoding. Does not wait for a request that is being applied, but for the first
/// look at a table, and at one that is not known with `schema_hash`: another server may have agreed it anew.
/// Empty: whichever is agreed; where other servers write, too, that waits. Errors: kFailedPrecondition when
/// there is none.
absl::StatusOr<AgreedTable> ReadAgreed(Mirror& mirror, const Caller& caller, const std::string& table,
                                       std::string_view schema_hash) MIRROR_EXCLUDES(mirror.mutex());
/// What is known of holds may have changed; `written` are new ones, `known` those that the plan was made of.
void TellHolds(Mirror& mirror, const std::vector<Hold>& known, const std::vector<Hold>& written)
    MIRROR_REQUIRES(mirror.mutex());
/// Of tables of which the configuration asks for a history in vain.
void TellNotKept(Mirror& mirror, const std::vector<AnnouncedTable>& tables) MIRROR_REQUIRES(mirror.mutex());
/// Renews seen() from the mirror, which is opened for it. False: not now, since a call is under way or the
/// mirror cannot be read.
bool SummarizeNow(Mirror& mirror, std::int64_t now_ms) MIRROR_EXCLUDES(mirror.mutex());
/// The file's targets are those of the configuration from now on. What goes wrong here is met again, and
/// told, by the call that is under way.
void KeepTargets(Store& store, const FreshnessRules& rules, const std::string& context_id);

// Events of a cycle that ended badly; each is the tenant's failure until a cycle ends well.
void TellCycleFailed(Mirror& mirror, std::int64_t cycle, const std::string& why, const std::string& next);
void TellTimedOut(Mirror& mirror, std::int64_t cycle);
void TellInterrupted(Mirror& mirror, std::int64_t cycle);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_MIRROR_H_
