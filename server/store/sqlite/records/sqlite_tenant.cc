#include "server/store/sqlite/records/sqlite_tenant.h"

#include <algorithm>
#include <utility>

#include "base/folded_name.h"
#include "base/status_macros.h"

namespace mirror {

absl::StatusOr<std::optional<TenantRecord>> SelectTenant(SqliteConnection& connection) {
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare(
          "SELECT context_id, issuer, environment, source_id, cycle, active, holder, since_ms, progress_ms, "
          "completed_cycle, completed_ms, paused, pause_reason, clock_ms, announced, touched, missed_cycle, "
          "missed_ms, scrub, source_accepted FROM _mirror_tenant"));
  ASSIGN_OR_RETURN(bool row, query.Step());
  if (!row) return std::nullopt;
  TenantRecord tenant;
  tenant.context_id = query.Text(0);
  tenant.issuer = query.Text(1);
  tenant.environment = query.Text(2);
  tenant.source_id = query.Text(3);
  tenant.cycle = query.Int(4);
  tenant.active = query.Int(5) != 0;
  tenant.holder = query.Text(6);
  tenant.since_ms = query.Int(7);
  tenant.progress_ms = query.Int(8);
  tenant.completed_cycle = query.Int(9);
  tenant.completed_ms = query.Int(10);
  tenant.paused = query.Int(11) != 0;
  tenant.pause_reason = query.Text(12);
  tenant.clock_ms = query.Int(13);
  tenant.announced = query.Text(14);
  tenant.touched = query.Int(15) != 0;
  tenant.missed_cycle = query.Int(16);
  tenant.missed_ms = query.Int(17);
  tenant.scrub = query.Int(18) != 0;
  tenant.source_accepted = query.Int(19) != 0;
  return tenant;
}

absl::Status InsertTenant(SqliteConnection& connection, const std::string& context_id) {
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare(
          "INSERT INTO _mirror_tenant (context_id, issuer, environment, source_id, cycle, active, holder, "
          "since_ms, "
          "progress_ms, completed_cycle, completed_ms, paused, pause_reason, clock_ms, announced, touched, "
          "missed_cycle, missed_ms, scrub, source_accepted) "
          "VALUES (?1, '', '', '', 0, 0, '', 0, 0, 0, 0, 0, '', 0, '', 0, 0, 0, 0, 0) ON CONFLICT "
          "(context_id) "
          "DO "
          "NOTHING"));
  return query.Bind(1, context_id).Run();
}

absl::Status UpdateTenant(SqliteConnection& connection, const TenantRecord& tenant) {
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare(
          "UPDATE _mirror_tenant SET issuer = ?1, environment = ?2, source_id = ?3, cycle = ?4, active = ?5, "
          "holder = ?6, "
          "since_ms = ?7, progress_ms = ?8, completed_cycle = ?9, completed_ms = ?10, paused = ?11, "
          "pause_reason = ?12, "
          "clock_ms = ?13, announced = ?14, touched = ?15, missed_cycle = ?16, missed_ms = ?17, "
          "scrub = ?18, source_accepted = ?19"));
  return query.Bind(1, tenant.issuer)
      .Bind(2, tenant.environment)
      .Bind(3, tenant.source_id)
      .Bind(4, tenant.cycle)
      .Bind(5, std::int64_t{tenant.active})
      .Bind(6, tenant.holder)
      .Bind(7, tenant.since_ms)
      .Bind(8, tenant.progress_ms)
      .Bind(9, tenant.completed_cycle)
      .Bind(10, tenant.completed_ms)
      .Bind(11, std::int64_t{tenant.paused})
      .Bind(12, tenant.pause_reason)
      .Bind(13, tenant.clock_ms)
      .Bind(14, tenant.announced)
      .Bind(15, std::int64_t{tenant.touched})
      .Bind(16, tenant.missed_cycle)
      .Bind(17, tenant.missed_ms)
      .Bind(18, std::int64_t{tenant.scrub})
      .Bind(19, std::int64_t{tenant.source_accepted})
      .Run();
}

absl::StatusOr<std::vector<Nonce>> SelectNonces(SqliteConnection& connection) {
  ASSIGN_OR_RETURN(Query query,
                   connection.Prepare("SELECT nonce, expires_ms FROM _mirror_nonces ORDER BY nonce"));
  std::vector<Nonce> nonces;
  absl::StatusOr<bool> row = query.Step();
  for (; row.ok() && *row; row = query.Step()) nonces.push_back({query.Text(0), query.Int(1)});
  if (!row.ok()) return row.status();
  return nonces;
}

absl::Status ForgetNonces(SqliteConnection& connection, std::int64_t before_ms) {
  ASSIGN_OR_RETURN(Query query, connection.Prepare("DELETE FROM _mirror_nonces WHERE expires_ms < ?1"));
  return query.Bind(1, before_ms).Run();
}

absl::StatusOr<TenantVerbs::NonceCount> CountNonces(SqliteConnection& connection, const std::string& value,
                                                    std::int64_t from_ms) {
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare(
          "SELECT count(*), coalesce(sum(nonce = ?1), 0) FROM _mirror_nonces WHERE expires_ms >= ?2"));
  if (absl::StatusOr<bool> row = query.Bind(1, value).Bind(2, from_ms).Step(); !row.ok()) return row.status();
  return TenantVerbs::NonceCount{static_cast<std::size_t>(query.Int(0)), query.Int(1) != 0};
}

absl::Status InsertNonce(SqliteConnection& connection, const Nonce& nonce) {
  ASSIGN_OR_RETURN(Query query,
                   connection.Prepare("INSERT INTO _mirror_nonces (nonce, expires_ms) VALUES (?1, ?2)"));
  return query.Bind(1, nonce.value).Bind(2, nonce.expires_ms).Run();
}

absl::StatusOr<std::vector<SchemaAnswer>> SelectAnswers(SqliteConnection& connection) {
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare("SELECT table_name, action, reason FROM _mirror_answers ORDER BY table_name"));
  std::vector<SchemaAnswer> answers;
  absl::StatusOr<bool> row = query.Step();
  for (; row.ok() && *row; row = query.Step()) {
    answers.push_back({query.Text(0), static_cast<std::int32_t>(query.Int(1)), query.Text(2)});
  }
  if (!row.ok()) return row.status();
  return answers;
}

std::vector<SchemaAnswer> AsSelected(std::vector<SchemaAnswer> answers) {
  // The last one of a name counts.
  std::reverse(answers.begin(), answers.end());
  std::stable_sort(answers.begin(), answers.end(), [](const SchemaAnswer& a, const SchemaAnswer& b) {
    return FoldName(a.table) < FoldName(b.table);
  });
  const auto end =
      std::unique(answers.begin(), answers.end(),
                  [](const SchemaAnswer& a, const SchemaAnswer& b) { return SameName(a.table, b.table); });
  answers.erase(end, answers.end());
  return answers;
}

absl::Status WriteAnswers(SqliteConnection& connection, const std::vector<SchemaAnswer>& answers) {
  ASSIGN_OR_RETURN(const std::vector<SchemaAnswer> stored, SelectAnswers(connection));
  const std::vector<SchemaAnswer> next = AsSelected(answers);
  if (next == stored) return absl::OkStatus();
  RETURN_IF_ERROR(ExecuteKept(connection, "DELETE FROM _mirror_answers"));
  for (const SchemaAnswer& answer : next) {
    ASSIGN_OR_RETURN(
        Query query,
        connection.Prepare(
            "INSERT OR REPLACE INTO _mirror_answers (table_name, action, reason) VALUES (?1, ?2, ?3)"));
    if (absl::Status status =
            query.Bind(1, answer.table).Bind(2, std::int64_t{answer.action}).Bind(3, answer.reason).Run();
        !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace mirror
