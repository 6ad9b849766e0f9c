#ifndef MIRROR_SERVER_TENANT_TENANTS_H_
#define MIRROR_SERVER_TENANT_TENANTS_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/shared_clock.h"
#include "server/plan/caller.h"
#include "server/plan/tenant_summary.h"
#include "server/store/home.h"
#include "server/tenant/mirror/idle_mirror.h"
#include "server/tenant/tenant.h"

namespace mirror {

/// Tenants that have no mirror yet, since each of their cycles fails before it begins: what an operator sees
/// of them. In memory, and no more than kTenantsMax, of which the one that failed longest ago goes first.
/// Threads: any.
class FirstFailures {
 public:
  static constexpr std::size_t kTenantsMax = 1'000;

  struct Failed {
    std::string context_id;
    CycleFailure failure;
  };

  void Note(const std::string& context_id, std::string_view why, std::int64_t now_ms);
  void Forget(const std::string& context_id);
  std::vector<Failed> All() const;

 private:
  mutable Mutex mutex_;
  std::map<std::string, Failed> failed_ MIRROR_GUARDED_BY(mutex_);  ///< By folded context id.
};

/// How many new mirrors are made at a time. One that is made cannot be closed before its first cycle ends, so
/// that without a bound first cycles would take every descriptor that this process may have. Threads: any.
class BuildingPlaces {
 public:
  explicit BuildingPlaces(std::size_t count_max);

  /// A place, until it is let go of; that may be after this object. Null: all are taken.
  std::shared_ptr<void> Take(const std::string& context_id);
  bool Has(const std::string& context_id) const;
  std::vector<std::string> All() const;
  std::size_t count_max() const { return count_max_; }

 private:
  struct Taken;

  const std::size_t count_max_;
  const std::shared_ptr<Taken> taken_;
};

/// The copies of moves that are on their way into this process, by the ids of their moves. Whoever takes a
/// move back finds nothing of one yet, and tells it here: it must not be left behind by a move that is over.
/// A copy that comes later, for the same move, is another one. Threads: any.
class Arrivals {
 public:
  using IsUndone = std::shared_ptr<std::atomic<bool>>;

  /// On its way as long as the caller has it.
  IsUndone Begin(const std::string& id) {
    auto undone = std::make_shared<std::atomic<bool>>(false);
    const MutexLock lock(mutex_);
    std::erase_if(coming_, [](const auto& one) { return one.second.expired(); });
    coming_.emplace(id, undone);
    return undone;
  }
  /// Of those of that move that are on their way now.
  void Undo(const std::string& id) {
    const MutexLock lock(mutex_);
    for (auto [one, end] = coming_.equal_range(id); one != end; ++one) {
      if (const IsUndone undone = one->second.lock()) undone->store(true);
    }
  }

 private:
  Mutex mutex_;
  std::multimap<std::string, std::weak_ptr<std::atomic<bool>>> coming_ MIRROR_GUARDED_BY(mutex_);
};

/// Looks in the mirrors themselves, now and then, which cycles are idle: a server may die before another one
/// hears that it began one. Threads: any.
class IdleLook {
 public:
  /// Empty, too, where it was looked for lately.
  std::set<std::string> Find(StoreHome& home, std::int64_t idle_ms) MIRROR_EXCLUDES(mutex_) {
    if (!home.IsShared()) return {};
    {
      const auto now = std::chrono::steady_clock::now();
      const MutexLock lock(mutex_);
      if (now - looked_ < kAgain) return {};
      looked_ = now;
    }
    const absl::StatusOr<std::vector<std::string>> idle = home.FindIdle(SharedNowMs() - idle_ms);
    if (!idle.ok()) return {};
    return {idle->begin(), idle->end()};
  }

 private:
  /// Each mirror is asked.
  static constexpr std::chrono::seconds kAgain{60};

  Mutex mutex_;
  std::chrono::steady_clock::time_point looked_ MIRROR_GUARDED_BY(mutex_);
};

struct TenantsOptions {
  TenantOptions tenant;
  /// Databases kept open; the one that was not used for longest is closed first. At least 1. A mirror that is
  /// being made counts as two, and cannot be closed: with a quarter of these in work, and at least four,
  /// another first cycle is refused.
  std::size_t open_max = 100;
};

/// All tenants of a home. Found again from their mirrors at every start; where others use the home, too, what
/// they made or took away since is found when a call asks for it, and when all are listed.
/// Threads: any; each tenant has its own lock, and none is held here while the home is asked but the one that
/// keeps Delete() and Allow() apart.
class Tenants {
 public:
  /// Finishes what a kill left half done. `home` and `events` outlive it. Errors: kFailedPrecondition when
  /// the home cannot be read.
  static absl::StatusOr<std::unique_ptr<Tenants>> Open(StoreHome& home, const TenantsOptions& options,
                                                       Events& events);
  ~Tenants();

  /// The tenant of a call that is not Authenticate.
  ///   kPermissionDenied  unknown, or known under another spelling (which is not told)
  absl::StatusOr<std::shared_ptr<Tenant>> Find(const Caller& caller);
  /// For Authenticate: a tenant that has no database yet is taken in, unless provisioning is off. Null: an
  /// operator deleted it.
  absl::StatusOr<std::shared_ptr<Tenant>> FindOrTakeIn(const Caller& caller);
  /// Behind it: a tenant that was only looked at, and that there is not, leaves nothing.
  void ForgetUnlessThere(const std::string& context_id);
  /// For the operator, who may spell it in any case. Errors: kNotFound.
  absl::StatusOr<std::shared_ptr<Tenant>> Find(const std::string& context_id);
  /// The same, for one whose mirror is about to be put there. `context_id` has been checked. Errors:
  /// kFailedPrecondition when it is known under another spelling.
  absl::StatusOr<std::shared_ptr<Tenant>> FindOrMake(const std::string& context_id);
  std::vector<std::shared_ptr<Tenant>> All();
  /// Removes the mirror for good, and takes the tenant in no more until Allow(), unless it is kForgotten:
  /// that outlives a restart. `epoch`: see StoreHome::BeginDeletion(). `expected`: see FileCalls::Retire().
  absl::Status Delete(const std::string& context_id, mirror::Deleted what = mirror::Deleted::kAll,
                      std::int64_t epoch = 0, const Expected& expected = {});
  enum class LetIn : std::uint8_t {
    kByOperator,
    kByItsMirror,    ///< One was put there, which is told. It need not have been deleted.
    kWithItsMirror,  ///< The same of one that was deleted, and that its home let in with it.
  };
  /// Gives how it was spelled. Errors: kNotFound when it was not deleted.
  absl::StatusOr<std::string> Allow(const std::string& context_id, LetIn by = LetIn::kByOperator);
  /// As they were spelled.
  absl::StatusOr<std::vector<std::string>> Deleted();

  /// Ends the cycles that this process served. For a clean shutdown, after the last call. Where others use
  /// the home, too, they go on there.
  void EndCycles();
  /// Ends cycles that make no progress and whose source no longer calls: of this process, or those of others,
  /// too.
  void EndIdleCycles(bool of_others = false);

  /// What is known of all of them without their databases: neither their locks nor their mirrors are touched.
  struct Seen {
    std::string context_id;
    bool is_open = false;
    std::shared_ptr<const TenantSummary> summary;
    std::int64_t progress_ms = 0;  ///< Of a cycle that runs, too.
    std::string unreadable = {};  ///< Why its home can open it for nobody; empty: it can, as far as is known.
    CycleBook::Now rows = {};     ///< As this process saw it.
  };
  /// `at_once`: what others that use the home made, took away or changed just now, too. What lists are made
  /// of is in a summary then where it is so for sure.
  std::vector<Seen> AllSeen(bool at_once = false);
  /// AllSeen(), and tenants without a mirror whose first cycles fail. NoteBegun() forgets such a failure.
  std::vector<Seen> AllKnown();
  /// No cycle of it could begin; it may not be there yet.
  void NoteFailure(const std::string& context_id, std::string_view why);
  void NoteBegun(const std::string& context_id) { first_failures_.Forget(context_id); }
  /// What the catalog kept of one that was found at the start.
  void Remember(const std::string& context_id, const TenantSummary& summary);

  StoreHome& home() { return home_; }
  std::size_t open_count() const;
  std::size_t open_max() const { return options_.open_max; }

  Arrivals arrivals;  ///< Of moves; they belong to no tenant yet.

 private:
  Tenants(StoreHome& home, const TenantsOptions& options, Events& events);
  /// Asks a home that others use, too, for a tenant that is not known in this spelling; `again`: for one that
  /// is.
  absl::Status LookAtHome(const std::string& context_id, bool again) MIRROR_EXCLUDES(mutex_);
  std::shared_ptr<Tenant> Make(const std::string& context_id);
  struct Entry {
    std::shared_ptr<Tenant> tenant;
    std::list<Tenant*>::iterator place;  ///< In `by_use_`, when `listed`.
    bool listed = false;
  };
  using Entries = std::map<std::string, Entry>;

  void SetKnown(const std::string& key, const std::optional<std::string>& spelled) MIRROR_REQUIRES(mutex_);
  void Used(Entry& entry) MIRROR_REQUIRES(mutex_);
  void Unlist(Entry& entry) MIRROR_REQUIRES(mutex_);
  /// Of an entry that nobody uses and that has never been a mirror; the end where there is none.
  Entries::iterator FindOnlyProbed(const std::string& context_id) MIRROR_REQUIRES(mutex_);
  void MakeRoom(const Tenant& opened);
  absl::StatusOr<std::shared_ptr<void>> BeginBuilding(const std::string& context_id);
  std::vector<std::shared_ptr<Tenant>> Listed(bool at_once = false) MIRROR_EXCLUDES(mutex_);
  std::shared_ptr<Tenant> TakeOldest(const Tenant& keep);

  StoreHome& home_;
  const TenantsOptions options_;
  Events& events_;
  BuildingPlaces building_;
  FirstFailures first_failures_;
  IdleLook idle_look_;
  /// Of the home's deletions: they say what `deleted_` says.
  Mutex marks_mutex_ MIRROR_ACQUIRED_BEFORE(mutex_);
  mutable Mutex mutex_;
  /// When `tenants_` was last told by a home that others use, too.
  std::chrono::steady_clock::time_point listed_ MIRROR_GUARDED_BY(mutex_);
  Entries tenants_ MIRROR_GUARDED_BY(mutex_);  ///< By folded context id.
  /// By folded context id, as it was spelled. Where others use the home, too, this and the next are empty,
  /// and it is asked instead.
  std::map<std::string, std::string> deleted_ MIRROR_GUARDED_BY(mutex_);
  /// Of those, folded: not all of their mirrors is gone.
  std::set<std::string> half_deleted_ MIRROR_GUARDED_BY(mutex_);
  /// By folded context id, why the home can open it for nobody: as it said last.
  std::map<std::string, std::string> unreadable_ MIRROR_GUARDED_BY(mutex_);
  /// Those that were opened and not closed by MakeRoom, least recently used first. Some may have closed
  /// themselves.
  std::list<Tenant*> by_use_ MIRROR_GUARDED_BY(mutex_);
  WarmMirrors warm_;
  std::optional<LogsLeft> logs_left_;  ///< Absent: a clean stop left none.
};

/// For the operator: the one of this id; of an empty id all. Errors: kNotFound.
absl::StatusOr<std::vector<std::shared_ptr<Tenant>>> FindAsked(Tenants& tenants,
                                                               const std::string& context_id);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_TENANTS_H_
