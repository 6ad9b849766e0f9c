#include "server/store/postgres/place/duties.h"

#include <array>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

constexpr std::array<std::string_view, 5> kDutyWords = {"hooks", "idle_cycles", "summaries", "import_jobs",
                                                        "hubs"};

}  // namespace

std::string_view ToString(Duty duty) { return kDutyWords[static_cast<std::size_t>(duty)]; }

absl::StatusOr<std::set<Duty>> TakeDuties(PostgresControl& control, const std::string& server_id,
                                          const std::set<Duty>& wanted) {
  postgres::Array words(postgres::Type::kText);
  for (const Duty duty : wanted) words.Add(ToString(duty));
  std::set<Duty> held;
  const auto take = [&](postgres::Connection& connection) -> absl::Status {
    held.clear();
    // Locks rows in one order. Otherwise two servers could deadlock.
    ASSIGN_OR_RETURN(
        const auto rows,
        connection.Query(
            absl::StrCat(
                "INSERT INTO mirror_control.duty AS held SELECT duty, $2, ", kControlNow, " + ", kDutyMs,
                " FROM unnest($1) AS duty ORDER BY duty ON CONFLICT (duty) DO UPDATE SET server_id = "
                "excluded.server_id, until_ms = excluded.until_ms WHERE held.server_id = "
                "excluded.server_id OR held.until_ms < ",
                kControlNow, " RETURNING duty"),
            {words.value(), server_id}, "taking duties"));
    for (int row = 0; row < rows.rows(); ++row) {
      for (const Duty duty : wanted) {
        if (rows.View(row, 0) == ToString(duty)) held.insert(duty);
      }
    }
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(control.Write(take, Awaits::kNobody));
  return held;
}

absl::Status GiveUpDuties(PostgresControl& control, const std::string& server_id) {
  return control
      .Query("DELETE FROM mirror_control.duty WHERE server_id = $1", {server_id}, "giving up duties")
      .status();
}

absl::Status NoteWaitingHooks(PostgresControl& control, const std::set<std::string>& context_ids) {
  if (context_ids.empty()) return absl::OkStatus();
  postgres::Array ids = postgres::TextArray(context_ids);
  const auto note = [&](postgres::Connection& connection) {
    return connection.Change(
        "INSERT INTO mirror_control.hook_waiting SELECT id FROM unnest($1) AS id ORDER BY id ON CONFLICT "
        "DO NOTHING",
        {ids.value()}, "noting that hooks wait");
  };
  // The event that this announces does not wait for a standby either.
  return control.Write(note, Awaits::kNobody);
}

absl::StatusOr<WaitingHooks> TakeWaitingHooks(PostgresControl& control, const std::string& server_id) {
  constexpr char kDoing[] = "finding the hooks that wait";
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
