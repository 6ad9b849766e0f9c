#ifndef MIRROR_TOOLS_MIRRORCTL_WEB_PAGE_HUBS_H_
#define MIRROR_TOOLS_MIRRORCTL_WEB_PAGE_HUBS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mirror/v1/mirror_admin.pb.h"
#include "tools/mirrorctl/admin/admin_client.h"
#include "tools/mirrorctl/admin/admin_output.h"

// What the page of hubs is given, and what it has done. Errors: those of HubClient.

namespace mirror {

/// {hubs}
absl::StatusOr<Json> ShowHubs(AdminClient& admin);
/// {duplicates}
absl::StatusOr<Json> ShowDuplicates(AdminClient& admin, const std::string& storage);
/// {changes, first}: what is held, never values. A call for operators.
absl::StatusOr<Json> ShowHeld(AdminClient& admin, const std::string& storage);
/// {deliveries, first}: what sources refused, never values. A call for operators.
absl::StatusOr<Json> ShowRefused(AdminClient& admin, const std::string& storage);
/// A record with its values; of each row also `key_text`, which no browser rounds. A call for operators.
absl::StatusOr<Json> ShowGolden(AdminClient& admin, const v1::ExplainGoldenRequest& request);

/// What a page posts about a hub.
struct HubAct {
  std::string act;  ///< commit, rollback, thaw, resume, merge, part or rebuild.
  std::string golden_id = {}, other_id = {}, data_source = {}, take = {}, confirm = {};
  struct Row {
    std::string data_source, table, key;
  };
  std::vector<Row> rows = {};
  bool dry_run = false, insert = false;
};
/// {deliveries}, {records}, {resumed}, {golden_id} or {suspended}; of a dry run, which commit, rollback and
/// resume have, what a question shows of consequences.
/// kNotFound: there is no such act.
absl::StatusOr<Json> ActOnHub(AdminClient& admin, const std::string& storage, const HubAct& act);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_WEB_PAGE_HUBS_H_
