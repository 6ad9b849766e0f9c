#include "server/store/postgres/place/server_rows.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "base/status_macros.h"
#include "server/own_records/postgres_record.h"
#include "server/store/postgres/place/control_records.h"

namespace mirror {

absl::StatusOr<std::int64_t> Beat(PostgresControl& control, const ServerRow& server) {
  constexpr char kBeating[] = "recording that this server runs";
  const OwnTable& table = ServerTable();
  const std::string sql = absl::StrCat(
      "INSERT INTO mirror_control.server (", table.Names(), ") SELECT ",
      table.Places(Dialect::kPostgres, {{"started_ms", "now.ms"}, {"seen_ms", "now.ms"}}), " FROM (SELECT ",
      kControlNow,
      " AS ms) AS now ON CONFLICT (server_id) DO UPDATE SET rules = excluded.rules, clock_ahead_ms = "
      "excluded.clock_ahead_ms, seen_ms = excluded.seen_ms RETURNING seen_ms");
  const Fields fields = ServerTable().Write(server);
  std::int64_t now_ms = 0;
  const auto beat = [&](postgres::Connection& connection) -> absl::Status {
    ASSIGN_OR_RETURN(now_ms, connection.Number(sql, ValuesOf(fields), kBeating));
    return connection.Change(
        "DELETE FROM mirror_control.server WHERE seen_ms < $1 OR (host = $3 AND address = $4 AND "
        "admin_address = $5 AND server_id <> $6 AND seen_ms < $2)",
        {now_ms - kServerForgottenMs, now_ms - kServerGoneMs, server.host, server.address,
         server.admin_address, server.server_id},
        kBeating);
  };
  // If a standby lacks this row, the next beat soon writes it again.
  RETURN_IF_ERROR(control.Write(beat, Awaits::kNobody));
  return now_ms;
}

absl::StatusOr<std::vector<ServerRow>> ListServers(PostgresControl& control) {
  ASSIGN_OR_RETURN(
      const auto rows,
      control.Query(
          absl::StrCat(
              "SELECT ", ServerTable().Names({{"seen_ms", "now.ms - seen_ms"}}),
              ", coalesce((SELECT string_agg(duty, ' ' ORDER BY duty) FROM mirror_control.duty AS d WHERE "
              "d.server_id = s.server_id AND until_ms >= now.ms), '') FROM mirror_control.server AS s, "
              "(SELECT ",
              kControlNow, " AS ms) AS now ORDER BY host, address, started_ms"),
          {}, "listing the servers"));
  ASSIGN_OR_RETURN(std::vector<ServerRow> servers, ReadRows(ServerTable(), rows));
  const int duties = rows.columns() - 1;
  for (int row = 0; row < rows.rows(); ++row) {
    servers[static_cast<std::size_t>(row)].duties =
        absl::StrSplit(rows.Text(row, duties), ' ', absl::SkipEmpty());
  }
  return servers;
}

const ServerRow* FindWithoutPlace(const std::vector<ServerRow>& servers, const std::string& place) {
  const auto found = std::find_if(servers.begin(), servers.end(), [&](const ServerRow& server) {
    return server.silent_ms <= kServerGoneMs && !server.places.empty() &&
           std::find(server.places.begin(), server.places.end(), place) == server.places.end();
  });
  return found == servers.end() ? nullptr : &*found;
}

absl::Status ForgetServer(PostgresControl& control, const std::string& server_id) {
  return control
      .Query("DELETE FROM mirror_control.server WHERE server_id = $1", {server_id}, "forgetting this server")
      .status();
}

}  // namespace mirror
