#include "server/store/sqlite/file/sqlite_metadata.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proto/wire/table_pack.h"

namespace mirror {

namespace {

constexpr std::int64_t kRowCountMax = std::int64_t{1} << 48;

constexpr char kSelectTable[] =
    "SELECT table_name, schema_hash, lsn, lineage, pending_lsn, pending_lineage, seq, row_count, cycle, "
    "state FROM ";

TableState ParseState(const std::string& text) {
  for (const TableState state : {TableState::kPopulating, TableState::kRepopulate, TableState::kStopped}) {
    if (text == ToString(state)) return state;
  }
  return TableState::kMirrored;
}

TableRecord RecordOf(const Query& query) {
  TableRecord record;
  record.table = query.Text(0);
  record.schema_hash = query.Text(1);
  // Any value that an operator wrote there and that is no position counts as -1.
  record.position.lsn.value =
      query.TypeAt(2) == sqlite::Type::kInteger ? std::max<std::int64_t>(-1, query.Int(2)) : -1;
  record.position.lineage = query.Text(3);
  if (record.position.lsn == Lsn{}) record.position.lineage.clear();
  if (!query.IsNull(4)) record.pending = Position{Lsn{query.Int(4)}, query.Text(5)};
  record.seq = static_cast<std::uint64_t>(query.Int(6));
  // An impossible count is unknown: counts are added up.
  const bool counted = !query.IsNull(7) && query.Int(7) >= 0 && query.Int(7) <= kRowCountMax;
  record.row_count = counted ? query.Int(7) : -1;
  record.cycle = query.Int(8);
  record.state = ParseState(query.Text(9));
  return record;
}

}  // namespace

std::string MetadataTable(const std::string& context_id) { return QuoteName(context_id + "_mirroring"); }

absl::StatusOr<std::optional<TableRecord>> SelectRecord(SqliteConnection& connection,
                                                        const std::string& metadata,
                                                        const std::string& table) {
  ASSIGN_OR_RETURN(Query query,
                   connection.Prepare(absl::StrCat(kSelectTable, metadata, " WHERE table_name = ?1")));
  ASSIGN_OR_RETURN(bool row, query.Bind(1, table).Step());
  if (!row) return std::nullopt;
  return RecordOf(query);
}

absl::StatusOr<std::vector<TableRecord>> SelectRecords(SqliteConnection& connection,
                                                       const std::string& metadata) {
  ASSIGN_OR_RETURN(Query query,
                   connection.Prepare(absl::StrCat(kSelectTable, metadata, " ORDER BY table_name")));
  std::vector<TableRecord> records;
  absl::StatusOr<bool> row = query.Step();
  for (; row.ok() && *row; row = query.Step()) records.push_back(RecordOf(query));
  if (!row.ok()) return row.status();
  return records;
}

absl::StatusOr<std::optional<TableSchema>> SelectSchema(SqliteConnection& connection,
                                                        const std::string& table) {
  ASSIGN_OR_RETURN(Query query,
                   connection.Prepare("SELECT definition FROM _mirror_schema WHERE table_name = ?1"));
  ASSIGN_OR_RETURN(bool row, query.Bind(1, table).Step());
  // A definition whose table somebody dropped does not count. A population of many tables calls this often.
  if (!row) return std::nullopt;
  ASSIGN_OR_RETURN(const bool there, connection.database().HasTable(table));
  if (!there) return std::nullopt;
  ASSIGN_OR_RETURN(TableSchema schema, UnpackTable(query.Text(0)));
  return schema;
}

absl::Status WriteRecord(SqliteConnection& connection, const std::string& metadata,
                         const TableRecord& record) {
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare(absl::StrCat(
          "INSERT INTO ", metadata,
          " (table_name, schema_hash, lsn, lineage, pending_lsn, pending_lineage, seq, row_count, cycle, "
          "state) "
          "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (table_name) DO UPDATE SET "
          "table_name = excluded.table_name, schema_hash = excluded.schema_hash, lsn = excluded.lsn, "
          "lineage = excluded.lineage, pending_lsn = excluded.pending_lsn, pending_lineage = "
          "excluded.pending_lineage, "
          "seq = excluded.seq, row_count = excluded.row_count, cycle = excluded.cycle, state = "
          "excluded.state")));
  query.Bind(1, record.table)
      .Bind(2, record.schema_hash)
      .Bind(3, record.position.lsn.value)
      .BindBlob(4, record.position.lineage);
  if (record.pending) {
    query.Bind(5, record.pending->lsn.value).BindBlob(6, record.pending->lineage);
  } else {
    query.BindNull(5).BindNull(6);
  }
  const std::string state(ToString(record.state));
  return query.Bind(7, static_cast<std::int64_t>(record.seq))
      .Bind(8, record.row_count)
      .Bind(9, record.cycle)
      .Bind(10, state)
      .Run();
}

absl::Status RemoveRecord(SqliteConnection& connection, const std::string& metadata,
                          const std::string& table) {
  ASSIGN_OR_RETURN(Query query,
                   connection.Prepare(absl::StrCat("DELETE FROM ", metadata, " WHERE table_name = ?1")));
  return query.Bind(1, table).Run();
}

absl::Status UpdateRowCount(SqliteConnection& connection, const std::string& metadata,
                            const std::string& table, std::uint64_t rows) {
  ASSIGN_OR_RETURN(Query query, connection.Prepare(absl::StrCat(
                                    "UPDATE ", metadata,
                                    " SET row_count = ?2 WHERE table_name = ?1 AND row_count <> ?2")));
  return query.Bind(1, table).Bind(2, static_cast<std::int64_t>(rows)).Run();
}

}  // namespace mirror
