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

// Watches how old tables may become, and reports tables that are older.

namespace mirror {

/// Up to this many tenants get an event each; more tenants get one event together.
inline constexpr std::size_t kFreshnessToldMax = 20;

/// Checks summaries of tenants, and adds one event when a table becomes older than its target and one
/// when it is fresh again. A table of unknown age counts from when its tenant was first seen here. Opens
/// no database; a tenant with nothing due costs one comparison. Threads: any; one of them calls Look().
class FreshnessWatch {
 public:
  FreshnessWatch(FreshnessRules rules, Events& events) : rules_(std::move(rules)), events_(events) {}

  struct Seen {
    std::string context_id;
    std::shared_ptr<const TenantSummary> summary;
  };
  /// Checks `tenants`: all of them. `now_ms` is unix time. `tells`: false while another server reports.
  /// A server that starts to report reports every table that is too old then, reported before or not.
  void Look(const std::vector<Seen>& tenants, std::int64_t now_ms, bool tells = true);
  /// Returns the number of tables older than their target at the last Look(). Never waits for an event write.
  std::size_t Missed(const std::string& context_id) const;

 private:
  struct Watched {
    std::shared_ptr<const TenantSummary> summary;  ///< Summary of the last check.
    std::int64_t since_ms = 0;
    std::int64_t due_ms = 0;  ///< Nothing changes by itself before this time.
    std::set<std::string> missed;
    bool there = false;
  };
  /// Tables of a tenant that a check found.
  struct Found {
    std::string context_id;
    std::vector<std::string> tables;
    std::string why;  ///< The cause, if it is known.
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
  bool told_ MIRROR_GUARDED_BY(mutex_) = false;  ///< The last Look() had `tells`.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_WATCH_FRESHNESS_H_
