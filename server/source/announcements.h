#ifndef MIRROR_SERVER_SOURCE_ANNOUNCEMENTS_H_
#define MIRROR_SERVER_SOURCE_ANNOUNCEMENTS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "mirror/v1/mirror_client.pb.h"
#include "proto/wire/limits.h"
#include "server/plan/announce_plan.h"
#include "server/plan/caller.h"
#include "server/tenant/dry_run.h"
#include "server/tenant/tenant.h"

namespace mirror {

/// The last announcement of each tenant that came here, without its cycle: what a source names by its digest
/// need not come again. Those of the tenants that used it last are kept, within a bound, for an hour: then
/// the source says it again, and with that call is done what takes longer. A restart forgets all. Threads:
/// any.
class KeptAnnouncements {
 public:
  struct Limits {
    std::size_t each_bytes = 512 << 10;  ///< As it is sent. A larger one is not kept.
    std::size_t all_bytes = 32 << 20;
    std::chrono::seconds longest = std::chrono::hours(1);
  };
  using Time = std::chrono::steady_clock::time_point;
  KeptAnnouncements() : KeptAnnouncements(Limits{}) {}
  explicit KeptAnnouncements(const Limits& limits) : limits_(limits) {}

  /// In the place of the tenant's one before. `announcement`: serialized.
  void Keep(const std::string& context_id, const std::string& sha256, std::string announcement, Time now);
  void Forget(const std::string& context_id);
  /// Absent: the tenant's last one is another, or is not kept.
  std::optional<std::string> Find(const std::string& context_id, const std::string& sha256, Time now);

 private:
  struct Kept {
    std::string tenant;  ///< Folded.
    std::string sha256;
    std::string announcement;
    Time since;
    std::size_t bytes() const;
  };
  using Place = std::list<Kept>::iterator;
  void Remove(const std::string& tenant) MIRROR_REQUIRES(mutex_);

  const Limits limits_;
  Mutex mutex_;
  std::list<Kept> kept_ MIRROR_GUARDED_BY(mutex_);  ///< The last one that was used first.
  std::map<std::string, Place> places_ MIRROR_GUARDED_BY(mutex_);
  std::size_t bytes_ MIRROR_GUARDED_BY(mutex_) = 0;
};

/// What sources say of their tables: decoded, handed to the tenant, answered, and kept for the next cycle
/// where it changed nothing. Errors: as Tenant::Announce(); `may_agree`'s; kResourceExhausted and
/// kInvalidArgument: nothing was changed. Threads: any.
class Announcements {
 public:
  /// `may_agree`: asked before each announcement; null: it always may.
  Announcements(const WireLimits& limits, std::function<absl::Status()> may_agree);

  /// TableSchema. Takes the request over.
  absl::Status Announce(const Caller& caller, Tenant& tenant, v1::TableSchemaRequest* request,
                        v1::TableSchemaResponse* response);
  /// The same as a dry run.
  absl::Status Look(const Caller& caller, Tenant& tenant, const v1::TableSchemaRequest& request,
                    const GoOn& go_on, v1::TableSchemaResponse* response);
  /// The same behind a begin that names an announcement, where it is the last one of the tenant's that came
  /// here, and changes nothing. Otherwise nothing is done, and the source has to announce its tables itself.
  void AnnounceKept(const Caller& caller, Tenant& tenant, std::int64_t cycle, const std::string& sha256,
                    v1::AuthenticateResponse* response);

 private:
  struct Decoded {
    std::vector<AnnouncedTable> tables;
    std::string rules;  ///< Tells one set of the endpoint's column rules from another.
  };
  absl::Status MayAgree() const;
  absl::StatusOr<Decoded> Decode(const Tenant& tenant, const v1::TableSchemaRequest& request) const;

  const WireLimits limits_;
  const std::function<absl::Status()> may_agree_;
  KeptAnnouncements kept_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_SOURCE_ANNOUNCEMENTS_H_
