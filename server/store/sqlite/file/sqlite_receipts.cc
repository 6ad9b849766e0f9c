#include "server/store/sqlite/file/sqlite_receipts.h"

#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "server/own_records/sqlite_record.h"
#include "server/store/mirror_records.h"

namespace mirror {
absl::Status CreateReceiptTables(SqliteConnection& connection) {
  RETURN_IF_ERROR(connection.Execute(
      "CREATE TABLE IF NOT EXISTS _mirror_receipts (number INTEGER PRIMARY KEY, hash BLOB NOT NULL, receipt "
      "TEXT NOT NULL)"));
  return connection.Execute(OpenReceiptTable().CreateMissingSql(kInSqlite));
}

absl::StatusOr<ReceiptHead> SelectReceiptHead(SqliteConnection& connection) {
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare("SELECT number, hash FROM _mirror_receipts ORDER BY number DESC LIMIT 1"));
  ASSIGN_OR_RETURN(const bool row, query.Step());
  ReceiptHead head;
  if (row) head = {static_cast<std::uint64_t>(query.Int(0)), query.Text(1)};
  return head;
}

absl::StatusOr<std::vector<std::string>> SelectReceipts(SqliteConnection& connection, std::uint64_t after,
                                                        std::size_t count_max) {
  if (after > INT64_MAX) return std::vector<std::string>{};
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare("SELECT receipt FROM _mirror_receipts WHERE number > ?1 ORDER BY number LIMIT ?2"));
  query.Bind(1, static_cast<std::int64_t>(after)).Bind(2, static_cast<std::int64_t>(count_max));
  return query.Texts();
}

absl::StatusOr<std::optional<OpenReceipt>> SelectOpenReceipt(SqliteConnection& connection,
                                                             const std::string& table) {
  static const std::string sql = OpenReceiptTable().SelectSql(kInSqlite, "WHERE table_name = ?1");
  ASSIGN_OR_RETURN(Query query, connection.Prepare(sql));
  query.Bind(1, table);
  ASSIGN_OR_RETURN(std::optional<OpenReceiptOfTable> row, ReadNext(OpenReceiptTable(), query));
  if (!row) return std::nullopt;
  return std::move(row->open);
}

absl::Status WriteOpenReceipt(SqliteConnection& connection, const std::string& table,
                              const OpenReceipt& open) {
  static const std::string sql = OpenReceiptTable().ReplaceSql(kInSqlite);
  ASSIGN_OR_RETURN(Query query, connection.Prepare(sql));
  return WriteRow(OpenReceiptTable(), {table, open}, std::move(query));
}

absl::Status InsertReceipt(SqliteConnection& connection, std::uint64_t number, const std::string& text) {
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare("INSERT INTO _mirror_receipts (number, hash, receipt) VALUES (?1, ?2, ?3)"));
  const std::string hash = HashOf(text);
  return query.Bind(1, static_cast<std::int64_t>(number)).BindBlob(2, hash).Bind(3, text).Run();
}

absl::Status RemoveReceipts(SqliteConnection& connection, std::uint64_t through) {
  ASSIGN_OR_RETURN(Query query, connection.Prepare("DELETE FROM _mirror_receipts WHERE number <= ?1"));
  return query.Bind(1, static_cast<std::int64_t>(through)).Run();
}

absl::StatusOr<std::string> HashParts(SqliteConnection& connection, const std::string& table,
                                      std::int64_t cycle, std::uint64_t value_id) {
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare(
          "SELECT data FROM _mirror_parts WHERE table_name = ?1 AND value_id = ?2 AND cycle = ?3 ORDER BY "
          "offset"));
  query.Bind(1, table).Bind(2, static_cast<std::int64_t>(value_id)).Bind(3, cycle);
  Sha256Stream sha;
  absl::StatusOr<bool> row = query.Step();
  for (; row.ok() && *row; row = query.Step()) sha.Add(query.Text(0));
  if (!row.ok()) return row.status();
  return sha.Finish();
}

absl::Status ForgetOpenReceipt(SqliteConnection& connection, const std::string& table) {
  ASSIGN_OR_RETURN(Query query,
                   connection.Prepare("DELETE FROM _mirror_receipts_open WHERE table_name = ?1"));
  return query.Bind(1, table).Run();
}

}  // namespace mirror
