#include "server/store/postgres/control/waiting_hooks.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/store/postgres/control/duties.h"

namespace mirror {

absl::Status NoteWaitingHooks(PostgresControl& control, const std::set<std::string>& context_ids) {
  if (context_ids.empty()) return absl::OkStatus();
  postgres::Array ids(postgres::Type::kText);
  for (const std::string& context_id : context_ids) ids.Add(context_id);
  const auto note = [&](postgres::Connection& connection) {
    return connection
        .Run(
            "INSERT INTO mirror_control.hook_waiting SELECT id FROM unnest($1) AS id ORDER BY id ON CONFLICT "
            "DO NOTHING",
            {ids.value()}, "noting that hooks wait")
        .status();
  };
  // Nor does the event of which it tells.
  return control.Write(note, Awaits::kNobody);
}

absl::StatusOr<WaitingHooks> TakeWaitingHooks(PostgresControl& control, const std::string& server_id) {
  constexpr char kDoing[] = "looking which hooks wait";
  WaitingHooks waiting;
  const auto take = [&](postgres::Connection& connection) -> absl::Status {
    ASSIGN_OR_RETURN(
        const auto taken,
        connection.Query(
            absl::StrCat(
                "DELETE FROM mirror_control.hook_waiting WHERE EXISTS (SELECT FROM mirror_control.duty "
                "WHERE duty = $1 AND server_id = $2 AND until_ms >= ",
                kControlNow, ") RETURNING context_id"),
            {ToString(Duty::kHooks), server_id}, kDoing));
    for (int row = 0; row < taken.rows(); ++row) waiting.context_ids.insert(taken.Text(row, 0));
    const auto last = connection.Number("SELECT id FROM mirror_control.event_head", {}, kDoing);
    if (last.ok()) waiting.last_event = *last;
    return last.status();
  };
  RETURN_IF_ERROR(control.Write(take, Awaits::kNobody));
  return waiting;
}

}  // namespace mirror
