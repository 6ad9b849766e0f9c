#include "server/store/postgres/rows/metadata_rows.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "proto/wire/table_pack.h"
#include "server/store/postgres/place/store_status.h"

namespace mirror {
namespace {

constexpr std::int64_t kRowCountMax = std::int64_t{1} << 48;

TableState ParseState(std::string_view text) {
  for (const TableState state : {TableState::kPopulating, TableState::kRepopulate, TableState::kStopped}) {
    if (text == ToString(state)) return state;
  }
  return TableState::kMirrored;
}

TableRecord RecordOf(const postgres::Rows& rows, int row) {
  TableRecord record;
  record.table = rows.Text(row, 0);
  record.schema_hash = rows.Text(row, 1);
  // A value that an operator wrote and that is no position counts as -1.
  record.position.lsn.value = rows.IsNull(row, 2) ? -1 : std::max<std::int64_t>(-1, rows.Int(row, 2));
  record.position.lineage = rows.Text(row, 3);
  if (record.position.lsn == Lsn{}) record.position.lineage.clear();
  if (!rows.IsNull(row, 4)) record.pending = Position{Lsn{rows.Int(row, 4)}, rows.Text(row, 5)};
  record.seq = static_cast<std::uint64_t>(rows.Int(row, 6));
  // An impossible count is treated as unknown. Counts are added, so the limit prevents an overflow.
  const bool counted = !rows.IsNull(row, 7) && rows.Int(row, 7) >= 0 && rows.Int(row, 7) <= kRowCountMax;
  record.row_count = counted ? rows.Int(row, 7) : -1;
  record.cycle = rows.Int(row, 8);
  record.state = ParseState(rows.View(row, 9));
  return record;
}

}  // namespace

postgres::Array KeysOf(const std::vector<std::string>& tables) {
  postgres::Array keys(postgres::Type::kText);
  for (const std::string& table : tables) keys.Add(FoldName(table));
  return keys;
}

std::string SelectRecordsSql(const PostgresOwnTables& names, bool some, bool lock) {
  return absl::StrCat(
      "SELECT table_name, schema_hash, lsn, lineage, pending_lsn, pending_lineage, seq, row_count, cycle, "
      "state, table_key FROM ",
      names.metadata, some ? " WHERE table_key = ANY ($1)" : "", " ORDER BY table_key",
      lock ? " FOR UPDATE" : "");
}

std::vector<TableRecord> RecordsOf(const postgres::Rows& rows) {
  std::vector<TableRecord> records;
  for (int row = 0; row < rows.rows(); ++row) {
    TableRecord record = RecordOf(rows, row);
    // If somebody changed a row's name or key, the row is found by only one of them. Then it counts as
    // removed, and the table's next population writes it again.
    if (rows.View(row, 10) == FoldName(record.table)) records.push_back(std::move(record));
  }
  return records;
}

absl::StatusOr<std::vector<TableRecord>> SelectRecords(postgres::Connection& connection,
                                                       const PostgresOwnTables& names,
                                                       const std::vector<std::string>& tables) {
  postgres::Array keys = KeysOf(tables);
  const auto rows = connection.Query(
      SelectRecordsSql(names, !tables.empty(), /*lock=*/false),
      tables.empty() ? std::vector<postgres::Value>() : std::vector<postgres::Value>{keys.value()},
      "reading the metadata table");
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  return RecordsOf(*rows);
}

void WriteRecord(OwnWrites& writes, const PostgresOwnTables& names, const TableRecord& record) {
  const auto bytes = [&writes](const std::string& text) { return postgres::Value::Bytes(writes.Keep(text)); };
  const bool pending = record.pending.has_value();
  writes.Add(
      absl::StrCat(
          "INSERT INTO ", names.metadata,
          " (table_key, table_name, schema_hash, lsn, lineage, pending_lsn, pending_lineage, seq, row_count, "
          "cycle, state) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (table_key) DO "
          "UPDATE SET table_name = EXCLUDED.table_name, schema_hash = EXCLUDED.schema_hash, lsn = "
          "EXCLUDED.lsn, lineage = EXCLUDED.lineage, pending_lsn = EXCLUDED.pending_lsn, pending_lineage = "
          "EXCLUDED.pending_lineage, seq = EXCLUDED.seq, row_count = EXCLUDED.row_count, cycle = "
          "EXCLUDED.cycle, state = EXCLUDED.state"),
      {writes.Keep(FoldName(record.table)), writes.Keep(record.table), writes.Keep(record.schema_hash),
       record.position.lsn.value, bytes(record.position.lineage),
       pending ? postgres::Value(record.pending->lsn.value) : postgres::Value::Null(postgres::Type::kInt8),
       pending ? bytes(record.pending->lineage) : postgres::Value::Null(postgres::Type::kBytea),
       static_cast<std::int64_t>(record.seq), record.row_count, record.cycle,
       writes.Keep(std::string(ToString(record.state)))});
}

void RemoveRecord(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table) {
  writes.Add(absl::StrCat("DELETE FROM ", names.metadata,
                          " WHERE table_key = $1 OR lower(table_name COLLATE \"C\") = $1"),
             {writes.Keep(FoldName(table))});
}

absl::StatusOr<std::vector<PostgresAgreed>> SelectDefinitions(postgres::Connection& connection,
                                                              const PostgresOwnTables& names,
                                                              const std::vector<std::string>& tables) {
  postgres::Array keys = KeysOf(tables);
  const auto rows = connection.Query(
      absl::StrCat("SELECT table_key, definition, generation, kinds FROM ", names.definitions,
                   tables.empty() ? "" : " WHERE table_key = ANY ($1)", " ORDER BY table_key"),
      tables.empty() ? std::vector<postgres::Value>() : std::vector<postgres::Value>{keys.value()},
      "reading the agreed definitions");
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  std::vector<PostgresAgreed> all;
  for (int row = 0; row < rows->rows(); ++row) {
    absl::StatusOr<TableSchema> schema = UnpackTable(rows->View(row, 1));
    if (!schema.ok()) {
      return absl::DataLossError(absl::StrCat("the definition of table '", rows->Text(row, 0), "' in ",
                                              names.definitions,
                                              " is not as the mirror wrote it: restore the mirror from a "
                                              "backup, or reset it with 'mirrorctl reset'"));
    }
    // A row whose key somebody changed counts as removed, because its present key is that of another table.
    if (rows->View(row, 0) != FoldName(schema->name)) continue;
    all.push_back({*std::move(schema), rows->Int(row, 2), rows->Text(row, 3)});
  }
  return all;
}

absl::Status FindTables(postgres::Connection& connection, const PostgresOwnTables& names,
                        const std::vector<PostgresAgreed*>& agreed) {
  postgres::Array wanted(postgres::Type::kText);
  for (const PostgresAgreed* table : agreed) wanted.Add(table->schema.name);
  const auto rows = connection.Query(
      "SELECT relname::text FROM pg_class WHERE relname = ANY ($1::text[]) AND relnamespace = "
      "to_regnamespace($2) AND relkind IN ('r', 'p') AND relowner = (SELECT oid FROM pg_roles WHERE rolname "
      "= "
      "current_user)",
      {wanted.value(), names.schema}, "looking for the mirrored tables");
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  std::set<std::string, std::less<>> there;
  for (int row = 0; row < rows->rows(); ++row) there.insert(rows->Text(row, 0));
  for (PostgresAgreed* table : agreed) table->is_there = there.contains(table->schema.name);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<PostgresAgreed>> SelectAgreed(postgres::Connection& connection,
                                                         const PostgresOwnTables& names,
                                                         const std::vector<std::string>& tables) {
  ASSIGN_OR_RETURN(std::vector<PostgresAgreed> all, SelectDefinitions(connection, names, tables));
  std::vector<PostgresAgreed*> each;
  for (PostgresAgreed& agreed : all) each.push_back(&agreed);
  RETURN_IF_ERROR(FindTables(connection, names, each));
  return all;
}

void WriteAgreed(OwnWrites& writes, const PostgresOwnTables& names, const PostgresAgreed& agreed) {
  writes.MoveState();
  // A row under another key does not count, see RecordsOf().
  writes.Add(absl::StrCat("DELETE FROM ", names.metadata,
                          " WHERE lower(table_name COLLATE \"C\") = $1 AND table_key <> $1"),
             {writes.Keep(FoldName(agreed.schema.name))});
  writes.Add(absl::StrCat("INSERT INTO ", names.definitions,
                          " (table_key, definition, generation, kinds) VALUES ($1, $2, $3, $4) ON CONFLICT "
                          "(table_key) DO UPDATE SET definition = EXCLUDED.definition, generation = "
                          "EXCLUDED.generation, kinds = EXCLUDED.kinds"),
             {writes.Keep(FoldName(agreed.schema.name)),
              postgres::Value::Bytes(writes.Keep(PackTable(agreed.schema))), agreed.generation,
              postgres::Value::Bytes(writes.Keep(agreed.kinds))});
}

void RemoveAgreed(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table) {
  writes.MoveState();
  writes.Add(absl::StrCat("DELETE FROM ", names.definitions, " WHERE table_key = $1"),
             {writes.Keep(FoldName(table))});
}

}  // namespace mirror
