#ifndef MIRROR_SERVER_HUB_SQLITE_HUB_FILE_H_
#define MIRROR_SERVER_HUB_SQLITE_HUB_FILE_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/sqlite/connection.h"
#include "server/hub/hub_file.h"
#include "server/hub/plan/hub_rules.h"

namespace mirror {

/// Creates what is missing: `_hub_*`, `golden_alias`, and for each entity the table `golden_<entity>` (one
/// row for each record: golden_id and its attributes) and the view `golden_<entity>_member` (the rows of each
/// record). Runs within the caller's transaction. Errors: SQLite's.
absl::Status LayOutHub(const sqlite::Connection& connection, const HubRules& rules);

/// Opens `Mirror_<storage>.hub.db` in `folder`. No other server may have it open.
absl::StatusOr<std::unique_ptr<HubFile>> OpenSqliteHubFile(const std::string& folder, const HubRules& rules);
/// See HubFiles. Errors: kUnavailable.
absl::Status RemoveSqliteHubFile(const std::string& folder, const HubRules& rules);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_SQLITE_HUB_FILE_H_
