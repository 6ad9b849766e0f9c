#include "server/store/postgres/control/duties.h"

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
    // In one order, or two servers would wait for each other's rows.
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
  return control.Run([&](postgres::Connection& connection) {
    return connection
        .Run("DELETE FROM mirror_control.duty WHERE server_id = $1", {server_id}, "giving up duties")
        .status();
  });
}

}  // namespace mirror
