#ifndef MIRROR_SERVER_HUB_SQLITE_HUB_LAYOUT_H_
#define MIRROR_SERVER_HUB_SQLITE_HUB_LAYOUT_H_

#include "absl/status/status.h"
#include "base/db/sqlite/connection.h"
#include "server/hub/plan/hub_rules.h"

namespace mirror {

/// Makes what is missing of `_hub_*`, of `golden_alias`, and for each entity of `golden_<entity>` (one row a
/// record: golden_id and its attributes) and of the view `golden_<entity>_member` (which rows are in it).
/// Within the caller's transaction. Errors: SQLite's.
absl::Status LayOutHub(const sqlite::Connection& connection, const HubRules& rules);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_SQLITE_HUB_LAYOUT_H_
