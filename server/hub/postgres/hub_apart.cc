#include "server/hub/postgres/hub_apart.h"

#include <algorithm>

#include "base/status_macros.h"

namespace mirror {
namespace {

absl::Status Forget(HubSession& session, const std::string& golden_id) {
  return session.Write("DELETE FROM @_hub_apart WHERE golden_id = $1 OR other_id = $1",
                       {session.Keep(golden_id)});
}

absl::Status Add(HubSession& session, const std::string& one, const std::string& other) {
  return session.Write("INSERT INTO @_hub_apart VALUES ($1, $2) ON CONFLICT DO NOTHING",
                       {session.Keep(std::min(one, other)), session.Keep(std::max(one, other))});
}

}  // namespace

absl::StatusOr<std::set<std::string>> ReadApart(HubSession& session, const std::string& golden_id) {
  ASSIGN_OR_RETURN(
      const postgres::Rows rows,
      session.Query(
          "SELECT other_id FROM @_hub_apart WHERE golden_id = $1 UNION ALL SELECT golden_id FROM @_hub_apart "
          "WHERE "
          "other_id = $1",
          {golden_id}));
  std::set<std::string> ids;
  for (int row = 0; row < rows.rows(); ++row) ids.insert(rows.Text(row, 0));
  return ids;
}

absl::Status WriteApart(HubSession& session, const std::string& golden_id,
                        const std::set<std::string>& apart) {
  absl::Status status = Forget(session, golden_id);
  for (const std::string& id : apart) {
    if (status.ok()) status = Add(session, id, golden_id);
  }
  return status;
}

absl::Status MergeApart(HubSession& session, const std::string& gone, const std::string& into) {
  const absl::StatusOr<std::set<std::string>> apart = ReadApart(session, gone);
  if (!apart.ok() || apart->empty()) return apart.status();
  absl::Status status = Forget(session, gone);
  for (const std::string& id : *apart) {
    if (status.ok() && id != into) status = Add(session, id, into);
  }
  return status;
}

}  // namespace mirror
