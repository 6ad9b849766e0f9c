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

/// Keeps, for each tenant, the last announcement that this process received, without its cycle. A source that
/// sends its digest need not send the announcement again. An announcement is kept for an hour. The total size
/// is bounded; the tenants that used theirs longest ago lose it first. Then the source sends the full
/// announcement again. A restart forgets all. Threads: any.
class KeptAnnouncements {
 public:
  struct Limits {
    std::size_t each_bytes = 512 << 10;  ///< Maximum serialized size of one announcement. A larger one is not
                                         ///< kept.
    std::size_t all_bytes = 32 << 20;
    std::chrono::seconds longest = std::chrono::hours(1);
  };
  using Time = std::chrono::steady_clock::time_point;
  KeptAnnouncements() : KeptAnnouncements(Limits{}) {}
  explicit KeptAnnouncements(const Limits& limits) : limits_(limits) {}

  /// Replaces the tenant's last announcement by `announcement`, in serialized form.
  void Keep(const std::string& context_id, const std::string& sha256, std::string announcement, Time now);
  void Forget(const std::string& context_id);
  /// Returns the announcement with this digest. Absent: the tenant's last one has another digest, or is not
  /// kept.
  std::optional<std::string> Find(const std::string& context_id, const std::string& sha256, Time now);

 private:
  struct Kept {
    std::string tenant;  ///< Folded context id.
    std::string sha256;
    std::string announcement;
    Time since;
    std::size_t bytes() const;
  };
  using Place = std::list<Kept>::iterator;
  void Remove(const std::string& tenant) MIRROR_REQUIRES(mutex_);

  const Limits limits_;
  Mutex mutex_;
  std::list<Kept> kept_ MIRROR_GUARDED_BY(mutex_);  ///< Most recently used first.
  std::map<std::string, Place> places_ MIRROR_GUARDED_BY(mutex_);
  std::size_t bytes_ MIRROR_GUARDED_BY(mutex_) = 0;
};

/// Handles the announcements of sources: decodes an announcement, passes it to the tenant, and answers. Keeps
/// it for the next cycle if it changed nothing. Errors: as Tenant::Announce(); those of `may_agree`;
/// kResourceExhausted and kInvalidArgument: nothing was changed. Threads: any.
class Announcements {
 public:
  /// `may_agree`: called before each announcement, an error refuses it; null: never refuses.
  Announcements(const WireLimits& limits, std::function<absl::Status()> may_agree);

  /// Handles TableSchema. Takes ownership of the request's content.
  absl::Status Announce(const Caller& caller, Tenant& tenant, v1::TableSchemaRequest* request,
                        v1::TableSchemaResponse* response);
  /// Does the same as a dry run.
  absl::Status Look(const Caller& caller, Tenant& tenant, const v1::TableSchemaRequest& request,
                    const GoOn& go_on, v1::TableSchemaResponse* response);
  /// Does the same after a begin of a cycle that names an announcement by its digest. The announcement must
  /// be the tenant's last one here and change nothing. Otherwise does nothing, and the source has to announce
  /// its tables itself.
  void AnnounceKept(const Caller& caller, Tenant& tenant, std::int64_t cycle, const std::string& sha256,
                    v1::AuthenticateResponse* response);

 private:
  struct Decoded {
    std::vector<AnnouncedTable> tables;
    std::string rules;  ///< Identifies the endpoint's set of column rules.
  };
  absl::Status MayAgree() const;
  absl::StatusOr<Decoded> Decode(const Tenant& tenant, const v1::TableSchemaRequest& request) const;

  const WireLimits limits_;
  const std::function<absl::Status()> may_agree_;
  KeptAnnouncements kept_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_SOURCE_ANNOUNCEMENTS_H_
