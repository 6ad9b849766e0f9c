#ifndef MIRROR_SERVER_HUB_POSTGRES_HUB_APART_H_
#define MIRROR_SERVER_HUB_POSTGRES_HUB_APART_H_

#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/hub/postgres/hub_session.h"

namespace mirror {

// `_hub_apart`: pairs of records that an operator parted; each pair stands there once, the lesser id first.
// Within a transaction of the caller. Errors: those of the session. Threads: one.

absl::StatusOr<std::set<std::string>> ReadApart(HubSession& session, const std::string& golden_id);
/// It is apart from these alone from here on.
absl::Status WriteApart(HubSession& session, const std::string& golden_id,
                        const std::set<std::string>& apart);
/// What one was apart from, the other is; they are not apart any more.
absl::Status MergeApart(HubSession& session, const std::string& gone, const std::string& into);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_POSTGRES_HUB_APART_H_
