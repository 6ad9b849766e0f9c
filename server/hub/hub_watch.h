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

/// So often is it looked how a hub stands that derives again and again: it counts all of its deliveries.
inline constexpr std::int64_t kHubStandMs = 10'000;

/// How a hub stood when this server looked last.
struct WatchedHub {
  std::string storage;
  bool looked = false;  ///< Since the start; else nothing but the name and what follows is known.
  HubStanding standing = {};
  std::vector<std::string> tenants = {};  ///< Context ids in the members' order; empty: there is none yet.
  std::vector<bool> written = {};         ///< In the same: whether deliveries may be for it.
  std::string failing = {};  ///< Why nothing is derived here; empty: it is, or another server does.
  std::int64_t failing_since_ms = 0;
  /// Since when a completed cycle of a member waits to be derived; 0: none does.
  std::int64_t behind_since_ms = 0;
};

/// Why nothing, or not all, is handed out to a member, a sentence that names the hub; empty: all is. `member`
/// is a place in the hub's members.
std::string WhyStopped(const WatchedHub& hub, std::size_t member);

/// How all hubs of a server stand, for who waits for none of them: metrics, and lists of tenants.
/// Threads: any.
class HubWatch {
 public:
  /// There are these hubs: of others nothing is known any more.
  void Keep(const std::vector<std::string>& storages);

  /// `tenants`: see WatchedHub.
  void Note(const HubRules& rules, HubStanding standing, std::vector<std::string> tenants,
            std::int64_t now_ms);
  /// It could not be looked at.
  void NoteUnseen(const std::string& storage, std::int64_t now_ms);
  /// All that was completed before `begun_ms` was derived here.
  void NoteDerived(const std::string& storage, std::int64_t begun_ms);
  void NoteFailed(const std::string& storage, const std::string& why, std::int64_t now_ms);
  /// What is known of tenants: whether there are cycles that nobody derived.
  void NoteCompleted(const std::vector<Tenants::Seen>& all);

  /// Whether it is to be looked at. `others`: other servers may change how it stands.
  bool IsDue(const std::string& storage, bool others, std::int64_t now_ms) const;
  /// Whether any is to be looked at by and by.
  bool Waits() const;

  /// In the order of Keep().
  std::vector<WatchedHub> All() const;
  /// By folded context id: what hubs have to say of tenants that are their members.
  std::map<std::string, std::shared_ptr<const TenantInHub>> OfTenants() const;

 private:
  struct Entry {
    WatchedHub hub;
    std::int64_t looked_ms = 0;
    bool changed = true;  ///< Since it was looked at.
  };
  Entry* Find(const std::string& storage) MIRROR_REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::vector<Entry> hubs_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_HUB_WATCH_H_
