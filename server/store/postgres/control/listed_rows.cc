#include "server/store/postgres/control/listed_rows.h"

#include "base/status_macros.h"

namespace mirror {

absl::Status ForgetListedRow(PostgresControl& control, const std::string& context_id) {
  return control.Run([&](postgres::Connection& connection) {
    return connection
        .Run("DELETE FROM mirror_control.listed WHERE context_id = $1", {context_id},
             "forgetting what lists say of a mirror")
        .status();
  });
}

absl::Status KeepListedRow(PostgresControl& control, const std::string& context_id, const ListedRow& row) {
  const auto keep = [&](postgres::Connection& connection) {
    return connection
        .Run(
            "INSERT INTO mirror_control.listed VALUES ($1, $2, $3, $4) ON CONFLICT (context_id) DO UPDATE "
            "SET "
            "storage = excluded.storage, member = excluded.member, jobs = excluded.jobs",
            {context_id, row.storage, row.member, row.jobs}, "keeping what lists say of a mirror")
        .status();
  };
  // What a standby lacks is read from the mirror again.
  return control.Write(keep, Awaits::kNobody);
}

absl::StatusOr<std::map<std::string, ListedRow>> ReadListedRows(PostgresControl& control) {
  std::map<std::string, ListedRow> all;
  RETURN_IF_ERROR(control.Run([&](postgres::Connection& connection) -> absl::Status {
    all.clear();
    ASSIGN_OR_RETURN(const auto rows,
                     connection.Query("SELECT context_id, storage, member, jobs FROM mirror_control.listed",
                                      {}, "reading what lists say of mirrors"));
    for (int row = 0; row < rows.rows(); ++row) {
      all[rows.Text(row, 0)] = {rows.Text(row, 1), rows.Text(row, 2), rows.Int(row, 3)};
    }
    return absl::OkStatus();
  }));
  return all;
}

}  // namespace mirror
