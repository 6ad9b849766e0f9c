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

/// Tenants without a mirror whose cycles all failed before they began. They are kept so that an operator can
/// see them: in memory, at most kTenantsMax. The oldest failure is dropped first. Threads: any.
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

/// Limits how many new mirrors can be in creation. Such a mirror cannot be closed before its first cycle
/// ends. Without a limit, first cycles could use up all file descriptors of the process. Threads: any.
class BuildingPlaces {
 public:
  explicit BuildingPlaces(std::size_t count_max);

  /// Takes a place until the pointer is released, which may be after the end of this object. Null: all places
  /// are taken.
  std::shared_ptr<void> Take(const std::string& context_id);
  bool Has(const std::string& context_id) const;
  std::vector<std::string> All() const;
  std::size_t count_max() const { return count_max_; }

 private:
  struct Taken;

  const std::size_t count_max_;
  const std::shared_ptr<Taken> taken_;
};

/// The copies that moves send to this process, by the id of the move. Until a copy has arrived completely, it
/// belongs to no tenant. So Undo() marks it here, and it is removed instead of installed. A later copy for
/// the same move is a new one. Threads: any.
class Arrivals {
 public:
  using IsUndone = std::shared_ptr<std::atomic<bool>>;

  /// Registers a copy. It counts as arriving as long as the caller keeps the pointer.
  IsUndone Begin(const std::string& id) {
    auto undone = std::make_shared<std::atomic<bool>>(false);
    const MutexLock lock(mutex_);
    std::erase_if(coming_, [](const auto& one) { return one.second.expired(); });
    coming_.emplace(id, undone);
    return undone;
  }
  /// Marks the arriving copies of that move as undone.
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

/// Searches all mirrors of a shared home for idle cycles, at intervals. It finds a cycle of a server that
/// died before other servers could learn of the cycle. Threads: any.
class IdleLook {
 public:
  /// Returns idle tenants. Empty also if the last search was less than kAgain ago.
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
  /// Minimum time between two searches, which read from each mirror.
  static constexpr std::chrono::seconds kAgain{60};

  Mutex mutex_;
  std::chrono::steady_clock::time_point looked_ MIRROR_GUARDED_BY(mutex_);
};

struct TenantsOptions {
  TenantOptions tenant;
  /// Maximum number of open databases, at least 1. The least recently used one is closed first. A mirror in
  /// creation counts as two and cannot be closed. Another first cycle is refused while a quarter of this
  /// number, and at least four, are in creation.
  std::size_t open_max = 100;
};

/// All tenants of a home. Each start finds them again from their mirrors. If other servers use the home, too,
/// their new and deleted tenants are found when a call asks for one, and when all are listed. Threads: any.
/// Each tenant has its own lock. During a call of the home, this class holds no lock, except the one that
/// serializes Delete() and Allow().
class Tenants {
 public:
  /// Opens the tenants, and finishes acts that a kill of the process interrupted. `home` and `events` must
  /// outlive this object. Errors: kFailedPrecondition: the home cannot be read.
  static absl::StatusOr<std::unique_ptr<Tenants>> Open(StoreHome& home, const TenantsOptions& options,
                                                       Events& events);
  ~Tenants();

  /// Returns the tenant of any call except Authenticate. Errors:
  ///   kPermissionDenied  unknown, or known in another spelling (the message does not say which)
  absl::StatusOr<std::shared_ptr<Tenant>> Find(const Caller& caller);
  /// Returns the tenant for Authenticate. Accepts a tenant that has no database yet, unless provisioning is
  /// off. Null: an operator deleted the tenant.
  absl::StatusOr<std::shared_ptr<Tenant>> FindOrTakeIn(const Caller& caller);
  /// Forgets a tenant that was only probed and has no mirror. Called after FindOrTakeIn().
  void ForgetUnlessThere(const std::string& context_id);
  /// Finds a tenant for an operator; upper and lower case do not matter. Errors: kNotFound.
  absl::StatusOr<std::shared_ptr<Tenant>> Find(const std::string& context_id);
  /// Finds or creates a tenant whose mirror is about to be installed. `context_id` must be checked before.
  /// Errors: kFailedPrecondition: the tenant is known in another spelling.
  absl::StatusOr<std::shared_ptr<Tenant>> FindOrMake(const std::string& context_id);
  std::vector<std::shared_ptr<Tenant>> All();
  /// Deletes the mirror for good. Refuses the tenant until Allow(), also after a restart, unless `what` is
  /// kForgotten. `epoch`: see StoreHome::BeginDeletion(). `expected`: see FileCalls::Retire().
  absl::Status Delete(const std::string& context_id, mirror::Deleted what = mirror::Deleted::kAll,
                      std::int64_t epoch = 0, const Expected& expected = {});
  enum class LetIn : std::uint8_t {
    kByOperator,
    kByItsMirror,    ///< A mirror was installed; an event is added. The tenant need not have been deleted.
    kWithItsMirror,  ///< A mirror was installed, and its home already allowed the deleted tenant.
  };
  /// Allows a deleted tenant again. Returns its stored spelling. Errors: kNotFound: the tenant was not
  /// deleted.
  absl::StatusOr<std::string> Allow(const std::string& context_id, LetIn by = LetIn::kByOperator);
  /// Returns the deleted tenants, in their stored spelling.
  absl::StatusOr<std::vector<std::string>> Deleted();

  /// Ends the cycles that this process served. For a clean shutdown, after the last call. If other servers
  /// use the home, too, the cycles continue there.
  void EndCycles();
  /// Ends cycles without progress, whose source no longer calls: cycles of this process, or with `of_others`
  /// also those of other servers.
  void EndIdleCycles(bool of_others = false);

  /// The state of a tenant as known without its database. To read it takes no lock of the tenant and opens no
  /// mirror.
  struct Seen {
    std::string context_id;
    bool is_open = false;
    std::shared_ptr<const TenantSummary> summary;
    std::int64_t progress_ms = 0;  ///< Last progress; during a running cycle, too.
    std::string unreadable = {};   ///< Why the home cannot open the mirror for anybody; empty: it can, as far
                                   ///< as is known.
    CycleBook::Now rows = {};      ///< What this process counted.
  };
  /// Returns the known state of all tenants. `at_once`: includes the latest changes by other servers that use
  /// the home. Then a summary has the documents for lists only if they are certainly current.
  std::vector<Seen> AllSeen(bool at_once = false);
  /// Returns AllSeen(), and tenants without a mirror whose first cycles fail. NoteBegun() removes such a
  /// failure.
  std::vector<Seen> AllKnown();
  /// Notes that no cycle of the tenant could begin; it may not exist yet.
  void NoteFailure(const std::string& context_id, std::string_view why);
  void NoteBegun(const std::string& context_id) { first_failures_.Forget(context_id); }
  /// Sets the summary that the catalog kept. For a tenant that was found at the start.
  void Remember(const std::string& context_id, const TenantSummary& summary);

  StoreHome& home() { return home_; }
  std::size_t open_count() const;
  std::size_t open_max() const { return options_.open_max; }

  Arrivals arrivals;  ///< Copies of moves. An arriving copy belongs to no tenant yet.

 private:
  Tenants(StoreHome& home, const TenantsOptions& options, Events& events);
  /// Asks a home that other servers use, too, for a tenant that is unknown in this spelling. `again`: also
  /// for a known one.
  absl::Status LookAtHome(const std::string& context_id, bool again) MIRROR_EXCLUDES(mutex_);
  std::shared_ptr<Tenant> Make(const std::string& context_id);
  struct Entry {
    std::shared_ptr<Tenant> tenant;
    std::list<Tenant*>::iterator place;  ///< In `by_use_`, if `listed`.
    bool listed = false;
  };
  using Entries = std::map<std::string, Entry>;

  void SetKnown(const std::string& key, const std::optional<std::string>& spelled) MIRROR_REQUIRES(mutex_);
  void Used(Entry& entry) MIRROR_REQUIRES(mutex_);
  void Unlist(Entry& entry) MIRROR_REQUIRES(mutex_);
  /// Finds an entry that no call uses and that never had a mirror; end(): there is none.
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
  /// Guards the deletion marks of the home, which must agree with `deleted_`.
  Mutex marks_mutex_ MIRROR_ACQUIRED_BEFORE(mutex_);
  mutable Mutex mutex_;
  /// Time when `tenants_` was last listed from a home that other servers use, too.
  std::chrono::steady_clock::time_point listed_ MIRROR_GUARDED_BY(mutex_);
  Entries tenants_ MIRROR_GUARDED_BY(mutex_);  ///< By folded context id.
  /// Deleted tenants in their spelling, by folded context id. If other servers use the home, too, this map
  /// and `half_deleted_` stay empty, and the home is asked instead.
  std::map<std::string, std::string> deleted_ MIRROR_GUARDED_BY(mutex_);
  /// Folded ids of tenants whose mirrors are not completely removed yet.
  std::set<std::string> half_deleted_ MIRROR_GUARDED_BY(mutex_);
  /// The last reason why the home could not open a tenant for anybody, by folded context id.
  std::map<std::string, std::string> unreadable_ MIRROR_GUARDED_BY(mutex_);
  /// Tenants that were opened and that MakeRoom() did not close, least recently used first. Some may have
  /// closed themselves.
  std::list<Tenant*> by_use_ MIRROR_GUARDED_BY(mutex_);
  WarmMirrors warm_;
  std::optional<LogsLeft> logs_left_;  ///< Absent: a clean stop left no logs.
};

/// Returns the tenant with this id, for an operator; all tenants for an empty id. Errors: kNotFound.
absl::StatusOr<std::vector<std::shared_ptr<Tenant>>> FindAsked(Tenants& tenants,
                                                               const std::string& context_id);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_TENANTS_H_
