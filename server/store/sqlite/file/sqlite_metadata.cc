#include "server/store/sqlite/file/sqlite_metadata.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proto/wire/table_pack.h"
#include "server/own_records/sqlite_record.h"
#include "server/store/mirror_records.h"

namespace mirror {

namespace {

constexpr std::int64_t kRowCountMax = std::int64_t{1} << 48;

/// Reads the next row. An operator may have written any value into it.
absl::StatusOr<std::optional<TableRecord>> NextRecord(Query& query) {
  static const auto place = [](std::string_view column) {
    return static_cast<int>(PlaceOf(TableRecordTable().columns(), column));
  };
  static const int lsn = place("lsn"), pending_lsn = place("pending_lsn"), row_count = place("row_count");
  ASSIGN_OR_RETURN(std::optional<TableRecord> record, ReadNext(TableRecordTable(), query));
  if (!record) return record;
  // A value that is no position counts as -1.
  Lsn& at = record->position.lsn;
  at.value = query.TypeAt(lsn) == sqlite::Type::kInteger ? std::max<std::int64_t>(-1, at.value) : -1;
  if (at == Lsn{}) record->position.lineage.clear();
  if (query.IsNull(pending_lsn)) record->pending.reset();
  // An impossible count is unknown: counts are added up.
  std::int64_t& count = record->row_count;
  if (query.IsNull(row_count) || count < 0 || count > kRowCountMax) count = -1;
  return record;
}

}  // namespace

std::string MetadataTable(const std::string& context_id) { return QuoteName(context_id + "_mirroring"); }

absl::StatusOr<std::optional<TableRecord>> SelectRecord(SqliteConnection& connection,
                                                        const std::string& metadata,
                                                        const std::string& table) {
  static const SqlOfMany select(TableRecordTable(),
                                TableRecordTable().SelectSql(kInSqlite, "WHERE table_name = ?1"));
  ASSIGN_OR_RETURN(Query query, connection.Prepare(select.Of(metadata)));
  return NextRecord(query.Bind(1, table));
}

absl::StatusOr<std::vector<TableRecord>> SelectRecords(SqliteConnection& connection,
                                                       const std::string& metadata) {
  static const SqlOfMany select(TableRecordTable(),
                                TableRecordTable().SelectSql(kInSqlite, "ORDER BY table_name"));
  ASSIGN_OR_RETURN(Query query, connection.Prepare(select.Of(metadata)));
  std::vector<TableRecord> records;
  for (;;) {
    ASSIGN_OR_RETURN(std::optional<TableRecord> record, NextRecord(query));
    if (!record) return records;
    records.push_back(*std::move(record));
  }
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
  // A new spelling of the name replaces the old one.
  static const SqlOfMany upsert(
      TableRecordTable(), TableRecordTable().UpsertSql(kInSqlite) + ", table_name = excluded.table_name");
  ASSIGN_OR_RETURN(Query query, connection.Prepare(upsert.Of(metadata)));
  return WriteRow(TableRecordTable(), record, std::move(query));
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
