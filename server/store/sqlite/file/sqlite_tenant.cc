#include "server/store/sqlite/file/sqlite_tenant.h"

#include <algorithm>
#include <utility>

#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/own_records/sqlite_record.h"
#include "server/store/mirror_records.h"

namespace mirror {

absl::StatusOr<std::optional<TenantRecord>> SelectTenant(SqliteConnection& connection) {
  static const std::string sql = TenantTable().SelectSql(kInSqlite);
  ASSIGN_OR_RETURN(Query query, connection.Prepare(sql));
  return ReadNext(TenantTable(), query);
}

absl::Status InsertTenant(SqliteConnection& connection, const std::string& context_id) {
  ASSIGN_OR_RETURN(Query query, connection.Prepare(TenantTable().InsertSql(kInSqlite) +
                                                   " ON CONFLICT (context_id) DO NOTHING"));
  return WriteRow(TenantTable(), {.context_id = context_id}, std::move(query));
}

absl::Status UpdateTenant(SqliteConnection& connection, const TenantRecord& tenant) {
  static const std::string sql = TenantTable().UpdateSql(kInSqlite);
  ASSIGN_OR_RETURN(Query query, connection.Prepare(sql));
  return WriteRow(TenantTable(), tenant, std::move(query));
}

absl::StatusOr<std::vector<Nonce>> SelectNonces(SqliteConnection& connection) {
  ASSIGN_OR_RETURN(Query query, connection.Prepare(NonceTable().SelectSql(kInSqlite, "ORDER BY nonce")));
  return ReadRows(NonceTable(), query);
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
  static const std::string sql = NonceTable().InsertSql(kInSqlite);
  ASSIGN_OR_RETURN(Query query, connection.Prepare(sql));
  return WriteRow(NonceTable(), nonce, std::move(query));
}

absl::StatusOr<std::vector<SchemaAnswer>> SelectAnswers(SqliteConnection& connection) {
  static const std::string sql = AnswerTable().SelectSql(kInSqlite, "ORDER BY table_name");
  ASSIGN_OR_RETURN(Query query, connection.Prepare(sql));
  return ReadRows(AnswerTable(), query);
}

std::vector<SchemaAnswer> AsSelected(std::vector<SchemaAnswer> answers) {
  // If a name occurs twice, the last answer counts.
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
  static const std::string sql = AnswerTable().ReplaceSql(kInSqlite);
  for (const SchemaAnswer& answer : next) {
    ASSIGN_OR_RETURN(Query query, connection.Prepare(sql));
    RETURN_IF_ERROR(WriteRow(AnswerTable(), answer, std::move(query)));
  }
  return absl::OkStatus();
}

}  // namespace mirror
