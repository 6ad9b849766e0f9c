#ifndef MIRROR_SERVER_HUB_HUB_WATCH_H_
#define MIRROR_SERVER_HUB_HUB_WATCH_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "server/hub/hub.h"
#include "server/tenant/tenant_list.h"
#include "server/tenant/tenants.h"

namespace mirror {

/// Minimum time, in milliseconds, between checks of a hub that derives continually: a check counts all its
/// deliveries.
inline constexpr std::int64_t kHubStandMs = 10'000;

/// The state of a hub when this server last checked it.
struct WatchedHub {
  std::string storage;
  bool looked = false;  ///< A check was made since the start. False: only the name and the fields after
                        ///< `written` are known.
  HubStanding standing = {};
  std::vector<std::string> tenants = {};  ///< Context ids in the members' order; empty: none exists yet.
  std::vector<bool> written = {};         ///< In the same order: whether the hub may write deliveries for the
                                          ///< member.
  std::string failing = {};  ///< Why this server cannot derive the hub; empty: it can, or another server
                             ///< derives.
  std::int64_t failing_since_ms = 0;
  /// Time since when a completed cycle of a member waits for a derivation, unix milliseconds; 0: none waits.
  std::int64_t behind_since_ms = 0;
};

/// Returns a sentence, with the hub's name, that says why a member gets no deliveries or not all; empty: it
/// gets all. `member`: index in the hub's members.
std::string WhyStopped(const WatchedHub& hub, std::size_t member);

/// The states of all hubs of a server, for readers that must not wait for a hub:
/// metrics, and lists of tenants. Threads: any.
class HubWatch {
 public:
  /// Keeps these hubs, and forgets all others.
  void Keep(const std::vector<std::string>& storages);

  /// `tenants`: see WatchedHub.
  void Note(const HubRules& rules, HubStanding standing, std::vector<std::string> tenants,
            std::int64_t now_ms);
  /// Notes that a hub could not be checked.
  void NoteUnseen(const std::string& storage, std::int64_t now_ms);
  /// Notes that all cycles completed before `begun_ms` were derived here.
  void NoteDerived(const std::string& storage, std::int64_t begun_ms);
  void NoteFailed(const std::string& storage, const std::string& why, std::int64_t now_ms);
  /// Takes what is known about tenants, to find completed cycles that no server has derived.
  void NoteCompleted(const std::vector<Tenants::Seen>& all);

  /// Returns whether a check is due. `others`: other servers may change the hub's state.
  bool IsDue(const std::string& storage, bool others, std::int64_t now_ms) const;
  /// Returns whether any hub waits for a check.
  bool Waits() const;

  /// Returns all hubs in the order of Keep().
  std::vector<WatchedHub> All() const;
  /// Returns what hubs know about the tenants that are their members, by folded context id.
  std::map<std::string, std::shared_ptr<const TenantInHub>> OfTenants() const;

 private:
  struct Entry {
    WatchedHub hub;
    std::int64_t looked_ms = 0;
    bool changed = true;  ///< Since the last check.
  };
  Entry* Find(const std::string& storage) MIRROR_REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::vector<Entry> hubs_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_HUB_WATCH_H_
