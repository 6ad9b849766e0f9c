#include "server/hub/sqlite/hub_apart.h"

#include <algorithm>
#include <vector>

#include "base/status_macros.h"

namespace mirror {

absl::StatusOr<std::set<std::string>> HubApart::Of(const std::string& golden_id) {
  sqlite::Statement read = Prepare(
      "SELECT other_id FROM _hub_apart WHERE golden_id = ?1 UNION ALL SELECT golden_id FROM _hub_apart WHERE "
      "other_id = ?1");
  ASSIGN_OR_RETURN(std::vector<std::string> ids, read.With(golden_id).Texts());
  return std::set<std::string>(ids.begin(), ids.end());
}

absl::Status HubApart::Write(const std::string& golden_id, const std::set<std::string>& apart) {
  absl::Status status = Forget(golden_id);
  for (const std::string& id : apart) {
    if (status.ok()) status = Add(id, golden_id);
  }
  return status;
}

absl::Status HubApart::Merge(const std::string& gone, const std::string& into) {
  ASSIGN_OR_RETURN(const std::set<std::string> apart, Of(gone));
  absl::Status status = Forget(gone);
  for (const std::string& id : apart) {
    if (status.ok() && id != into) status = Add(id, into);
  }
  return status;
}

absl::Status HubApart::Forget(const std::string& golden_id) {
  return Prepare("DELETE FROM _hub_apart WHERE golden_id = ?1 OR other_id = ?1").With(golden_id).Run();
}

absl::Status HubApart::Add(const std::string& one, const std::string& other) {
  return Prepare("INSERT OR IGNORE INTO _hub_apart VALUES (?, ?)")
      .With(std::min(one, other), std::max(one, other))
      .Run();
}

}  // namespace mirror
