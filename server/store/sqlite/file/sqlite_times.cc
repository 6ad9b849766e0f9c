#include "server/store/sqlite/file/sqlite_times.h"

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

/// Returns the view's SQL. It uses only functions that a partner's older SQLite also has. The age is computed
/// when the view is queried.
std::string ViewSql(const std::string& metadata) {
  return absl::StrCat(
      "CREATE VIEW _mirror_freshness AS SELECT table_name, strftime('%Y-%m-%dT%H:%M:%SZ', source_ms / "
      "1000.0, "
      "'unixepoch') AS source_time, max(0, round(now_s - source_ms / 1000.0, 1)) AS age_seconds, target_ms / "
      "1000.0 AS target_seconds, target_ms IS NOT NULL AND (source_ms IS NULL OR now_s - source_ms / 1000.0 "
      "> "
      "target_ms / 1000.0) AS missed FROM (SELECT m.table_name AS table_name, (julianday('now') - 2440587.5) "
      "* "
      "86400.0 AS now_s, CASE WHEN t.table_name IS NULL THEN a.source_ms ELSE t.source_ms END AS source_ms, "
      "nullif(coalesce(own.target_ms, every.target_ms), 0) AS target_ms FROM ",
      metadata,
      " AS m LEFT JOIN _mirror_times AS t ON t.table_name = m.table_name LEFT JOIN _mirror_times AS a ON "
      "a.table_name = '' LEFT JOIN _mirror_targets AS own ON own.table_name = m.table_name LEFT JOIN "
      "_mirror_targets AS every ON every.table_name = '')");
}

absl::Status CreateView(SqliteConnection& connection, const std::string& metadata) {
  const std::string sql = ViewSql(metadata);
  std::string there;
  {
    ASSIGN_OR_RETURN(Query query,
                     connection.Prepare(
                         "SELECT sql FROM sqlite_schema WHERE type = 'view' AND name = '_mirror_freshness'"));
    ASSIGN_OR_RETURN(bool row, query.Step());
    if (row) there = query.Text(0);
  }
  if (there == sql) return absl::OkStatus();
  if (!there.empty()) RETURN_IF_ERROR(connection.Execute("DROP VIEW _mirror_freshness"));
  // If somebody gave that name to another object, the object stays. The mirror can be opened all the same.
  ASSIGN_OR_RETURN(Query taken,
                   connection.Prepare("SELECT 1 FROM sqlite_schema WHERE name = '_mirror_freshness'"));
  const absl::StatusOr<bool> row = taken.Step();
  if (!row.ok() || *row) return row.status();
  return connection.Execute(sql);
}

absl::Status Run(SqliteConnection& connection, const char* sql, const std::string& table,
                 std::optional<std::int64_t> number = std::nullopt) {
  ASSIGN_OR_RETURN(Query query, connection.Prepare(sql));
  query.Bind(1, table);
  if (number) query.Bind(2, *number);
  return query.Run();
}

}  // namespace

absl::Status CreateTimesTables(SqliteConnection& connection, const std::string& metadata) {
  for (const char* sql :
       {"CREATE TABLE IF NOT EXISTS _mirror_times (table_name TEXT PRIMARY KEY COLLATE NOCASE, "
        "source_ms INTEGER) WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS _mirror_targets (table_name TEXT PRIMARY KEY COLLATE NOCASE, "
        "target_ms INTEGER) WITHOUT ROWID"}) {
    RETURN_IF_ERROR(connection.Execute(sql));
  }
  return CreateView(connection, metadata);
}

absl::StatusOr<Freshness> SelectFreshness(SqliteConnection& connection) {
  Freshness freshness;
  ASSIGN_OR_RETURN(Query times, connection.Prepare("SELECT table_name, source_ms FROM _mirror_times"));
  absl::StatusOr<bool> row = times.Step();
  for (; row.ok() && *row; row = times.Step()) {
    const std::optional<std::int64_t> time =
        times.TypeAt(1) == sqlite::Type::kInteger ? std::optional(times.Int(1)) : std::nullopt;
    if (times.Text(0) == kTimeOfAll) {
      freshness.all_ms = time;
    } else {
      freshness.tables[FoldName(times.Text(0))] = time;
    }
  }
  if (!row.ok()) return row.status();
  ASSIGN_OR_RETURN(Query targets, connection.Prepare("SELECT table_name, target_ms FROM _mirror_targets"));
  row = targets.Step();
  for (; row.ok() && *row; row = targets.Step()) {
    if (targets.Text(0) == kTimeOfAll) {
      freshness.targets.all_ms = targets.Int(1);
    } else {
      freshness.targets.tables[FoldName(targets.Text(0))] = targets.Int(1);
    }
  }
  if (!row.ok()) return row.status();
  return freshness;
}

absl::Status WriteTimes(SqliteConnection& connection, const Freshness& now, const Freshness& next) {
  if (now.all_ms != next.all_ms) RETURN_IF_ERROR(SetTime(connection, kTimeOfAll, next.all_ms));
  for (const auto& [table, time] : now.tables) {
    if (next.tables.contains(table)) continue;
    RETURN_IF_ERROR(ForgetTime(connection, table));
  }
  for (const auto& [table, time] : next.tables) {
    const auto found = now.tables.find(table);
    if (found != now.tables.end() && found->second == time) continue;
    RETURN_IF_ERROR(SetTime(connection, table, time));
  }
  return absl::OkStatus();
}

absl::Status WriteTargets(SqliteConnection& connection, const FreshnessTargets& targets) {
  RETURN_IF_ERROR(connection.Execute("DELETE FROM _mirror_targets"));
  constexpr char kInsert[] = "INSERT INTO _mirror_targets (table_name, target_ms) VALUES (?1, ?2)";
  if (targets.all_ms != 0) RETURN_IF_ERROR(Run(connection, kInsert, kTimeOfAll, targets.all_ms));
  for (const auto& [table, target] : targets.tables) {
    RETURN_IF_ERROR(Run(connection, kInsert, table, target));
  }
  return absl::OkStatus();
}

absl::Status SetTime(SqliteConnection& connection, const std::string& table,
                     std::optional<std::int64_t> source_ms) {
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare("INSERT OR REPLACE INTO _mirror_times (table_name, source_ms) VALUES (?1, ?2)"));
  query.Bind(1, table);
  if (source_ms) {
    query.Bind(2, *source_ms);
  } else {
    query.BindNull(2);
  }
  return query.Run();
}

absl::Status ForgetTime(SqliteConnection& connection, const std::string& table) {
  return Run(connection, "DELETE FROM _mirror_times WHERE table_name = ?1", table);
}

}  // namespace mirror
