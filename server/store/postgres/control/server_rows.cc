#include "server/store/postgres/control/server_rows.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include "base/status_macros.h"

namespace mirror {

absl::StatusOr<std::int64_t> Beat(PostgresControl& control, const ServerRow& server) {
  constexpr char kDoing[] = "saying that this server is there";
  const std::string places = absl::StrJoin(server.places, " ");
  std::int64_t now_ms = 0;
  const auto beat = [&](postgres::Connection& connection) -> absl::Status {
    ASSIGN_OR_RETURN(
        now_ms,
        connection.Number(
            absl::StrCat(
                "INSERT INTO mirror_control.server SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, now.ms, "
                "now.ms FROM (SELECT ",
                kControlNow,
                " AS ms) AS now ON CONFLICT (server_id) DO UPDATE SET rules = excluded.rules, "
                "clock_ahead_ms = excluded.clock_ahead_ms, seen_ms = excluded.seen_ms RETURNING seen_ms"),
            {server.server_id, server.host, server.address, server.admin_address, server.version,
             server.rules, server.hash_key, places, server.clock_ahead_ms},
            kDoing));
    return connection
        .Run(
            "DELETE FROM mirror_control.server WHERE seen_ms < $1 OR (host = $3 AND address = $4 AND "
            "admin_address = $5 AND server_id <> $6 AND seen_ms < $2)",
            {now_ms - kServerForgottenMs, now_ms - kServerGoneMs, server.host, server.address,
             server.admin_address, server.server_id},
            kDoing)
        .status();
  };
  // One that a standby lacks comes again in a moment.
  RETURN_IF_ERROR(control.Write(beat, Awaits::kNobody));
  return now_ms;
}

absl::StatusOr<std::vector<ServerRow>> ListServers(PostgresControl& control) {
  std::vector<ServerRow> servers;
  RETURN_IF_ERROR(control.Run([&](postgres::Connection& connection) -> absl::Status {
    servers.clear();
    ASSIGN_OR_RETURN(
        const auto rows,
        connection.Query(
            absl::StrCat(
                "SELECT server_id, host, address, admin_address, version, rules, hash_key, places, "
                "clock_ahead_ms, started_ms, now.ms - seen_ms, coalesce((SELECT string_agg(duty, ' ' "
                "ORDER BY duty) FROM mirror_control.duty AS d WHERE d.server_id = s.server_id AND "
                "until_ms >= now.ms), '') FROM mirror_control.server AS s, (SELECT ",
                kControlNow, " AS ms) AS now ORDER BY host, address, started_ms"),
            {}, "listing the servers"));
    for (int row = 0; row < rows.rows(); ++row) {
      servers.push_back({.server_id = rows.Text(row, 0),
                         .host = rows.Text(row, 1),
                         .address = rows.Text(row, 2),
                         .admin_address = rows.Text(row, 3),
                         .version = rows.Text(row, 4),
                         .rules = rows.Text(row, 5),
                         .hash_key = rows.Text(row, 6),
                         .places = absl::StrSplit(rows.Text(row, 7), ' ', absl::SkipEmpty()),
                         .clock_ahead_ms = rows.Int(row, 8),
                         .started_ms = rows.Int(row, 9),
                         .silent_ms = rows.Int(row, 10),
                         .duties = absl::StrSplit(rows.Text(row, 11), ' ', absl::SkipEmpty())});
    }
    return absl::OkStatus();
  }));
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
  return control.Run([&](postgres::Connection& connection) {
    return connection
        .Run("DELETE FROM mirror_control.server WHERE server_id = $1", {server_id}, "forgetting this server")
        .status();
  });
}

}  // namespace mirror
