#ifndef MIRROR_SERVER_WATCH_FRESHNESS_H_
#define MIRROR_SERVER_WATCH_FRESHNESS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "server/plan/plan.h"
#include "server/plan/tenant_rules.h"
#include "server/plan/tenant_summary.h"
#include "server/watch/events.h"

// How old tables may become, and who is told when they are older.

namespace mirror {

/// Tenants of which one look tells for themselves; of more it tells once, together.
inline constexpr std::size_t kFreshnessToldMax = 20;

/// Looks at what is known of tenants, and tells of a table once that it is older than its target and once
/// that it is not any more. A table whose age is not known counts from when its tenant was first seen here.
/// Opens nothing; costs a comparison for a tenant of which nothing is due. Threads: any, one of them looks.
class FreshnessWatch {
 public:
  FreshnessWatch(FreshnessRules rules, Events& events) : rules_(std::move(rules)), events_(events) {}

  struct Seen {
    std::string context_id;
    std::shared_ptr<const TenantSummary> summary;
  };
  /// All tenants that there are. `now_ms` is unix time. `tells`: not while another server does; who begins to
  /// tells what is missed then, told before or not.
  void Look(const std::vector<Seen>& tenants, std::int64_t now_ms, bool tells = true);
  /// Tables that were older than their target at the last look. Never waits for an event to be written.
  std::size_t Missed(const std::string& context_id) const;

 private:
  struct Watched {
    std::shared_ptr<const TenantSummary> summary;  ///< As it was looked at.
    std::int64_t since_ms = 0;
    std::int64_t due_ms = 0;  ///< Before it nothing changes by itself.
    std::set<std::string> missed;
    bool there = false;
  };
  /// What a look found of a tenant: its tables.
  struct Found {
    std::string context_id;
    std::vector<std::string> tables;
    std::string why;  ///< What stands in its way, where that is known.
  };
  struct News {
    std::vector<Found> missed, regained, ended;
  };
  void LookAt(const std::string& context_id, std::int64_t now_ms, Watched& watched, News* news) const;
  void Tell(const News& news) MIRROR_EXCLUDES(mutex_);
  void TellTogether(Severity severity, const char* kind, const std::string& what,
                    const std::vector<Found>& found, const std::string& next);

  const FreshnessRules rules_;
  Events& events_;
  mutable Mutex mutex_;
  std::map<std::string, Watched> watched_ MIRROR_GUARDED_BY(mutex_);
  std::int64_t looked_ms_ MIRROR_GUARDED_BY(mutex_) = 0;
  bool told_ MIRROR_GUARDED_BY(mutex_) = false;  ///< The last look told.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_WATCH_FRESHNESS_H_
