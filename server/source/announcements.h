#ifndef MIRROR_SERVER_SOURCE_ANNOUNCEMENTS_H_
#define MIRROR_SERVER_SOURCE_ANNOUNCEMENTS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mirror/v1/mirror_client.pb.h"
#include "proto/wire/limits.h"
#include "server/plan/announce_plan.h"
#include "server/plan/caller.h"
#include "server/source/kept_announcements.h"
#include "server/tenant/dry_run.h"
#include "server/tenant/tenant.h"

namespace mirror {

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
