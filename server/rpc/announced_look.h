#ifndef MIRROR_SERVER_RPC_ANNOUNCED_LOOK_H_
#define MIRROR_SERVER_RPC_ANNOUNCED_LOOK_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "mirror/v1/mirror_client.pb.h"
#include "server/plan/announce_plan.h"
#include "server/plan/caller.h"
#include "server/tenant/dry_run.h"
#include "server/tenant/tenant.h"

namespace mirror {

/// TableSchema as a dry run: `tables` are those of the request. Errors: as Tenant::LookAtAnnouncement();
/// kInvalidArgument: the request names a cycle.
absl::Status LookAtAnnouncement(Tenant& tenant, const Caller& caller, const v1::TableSchemaRequest& request,
                                const std::vector<AnnouncedTable>& tables, std::int64_t now_ms,
                                const GoOn& go_on, v1::TableSchemaResponse* response);

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_ANNOUNCED_LOOK_H_
