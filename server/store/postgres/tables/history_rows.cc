#include "server/store/postgres/tables/history_rows.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "proto/wire/table_pack.h"
#include "server/journal/journal_entry.h"
#include "server/store/postgres/place/store_status.h"

namespace mirror {
namespace {

constexpr char kReadingHistories[] = "finding the tables that have a history";

/// The folded table name of a row. Somebody may have changed `table_key`, see SelectHistories().
constexpr char kTableOf[] = "lower(table_name COLLATE \"C\")";

/// Deletes the table's row if it has another key. If a row of another table has this key, gives that row its
/// own key.
void FreeKey(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table) {
  const std::string_view key = writes.Keep(FoldName(table));
  writes.Add(absl::StrCat("DELETE FROM ", names.history, " WHERE ", kTableOf, " = $1 AND table_key <> $1"),
             {key});
  writes.Add(absl::StrCat("UPDATE ", names.history, " SET table_key = ", kTableOf,
                          " WHERE table_key = $1 AND ", kTableOf, " <> $1"),
             {key});
}

}  // namespace

absl::StatusOr<std::map<std::string, PostgresHistory>> SelectHistories(postgres::Connection& connection,
                                                                       const PostgresOwnTables& names) {
  std::map<std::string, PostgresHistory> histories;
  const auto there = connection.Number("SELECT (to_regclass($1) IS NOT NULL)::int::bigint", {names.history},
                                       kReadingHistories);
  if (!there.ok()) return ToStoreStatus(there.status(), TableOwner::kOwnTable);
  if (*there == 0) return histories;
  const auto rows = connection.Query(
      absl::StrCat(
          "SELECT table_key, versions, view_name, definition, known_from, view_is_whole, hidden FROM ",
          names.history),
      {}, kReadingHistories);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  for (int row = 0; row < rows->rows(); ++row) {
    absl::StatusOr<TableSchema> schema = UnpackTable(rows->View(row, 3));
    if (!schema.ok()) {
      return absl::DataLossError(absl::StrCat("the row of table '", rows->Text(row, 0), "' in ",
                                              names.history,
                                              " is not as the mirror wrote it: restore the mirror from a "
                                              "backup, or reset it with 'mirrorctl reset'"));
    }
    // The key may have been changed, but the versions are those of this table's rows.
    const std::string key = FoldName(schema->name);
    if (histories.contains(key) && rows->View(row, 0) != key) continue;
    histories[key] = {rows->Text(row, 1), rows->Text(row, 2), *std::move(schema),
                      rows->Int(row, 4),  rows->Bool(row, 5), UnpackColumnList(rows->View(row, 6))};
  }
  return histories;
}

void WriteHistory(OwnWrites& writes, const PostgresOwnTables& names, const PostgresHistory& history) {
  // Other servers cache it.
  writes.MoveState();
  FreeKey(writes, names, history.schema.name);
  writes.Add(absl::StrCat(
                 "INSERT INTO ", names.history,
                 " (table_key, table_name, versions, view_name, definition, known_from, "
                 "view_is_whole, hidden) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (table_key) DO "
                 "UPDATE SET table_name = EXCLUDED.table_name, versions = EXCLUDED.versions, "
                 "view_name = EXCLUDED.view_name, definition = EXCLUDED.definition, known_from = "
                 "EXCLUDED.known_from, view_is_whole = EXCLUDED.view_is_whole, hidden = "
                 "EXCLUDED.hidden"),
             {writes.Keep(FoldName(history.schema.name)), writes.Keep(history.schema.name),
              writes.Keep(history.versions), writes.Keep(history.view),
              postgres::Value::Bytes(writes.Keep(PackTable(history.schema))), history.known_from,
              history.is_view_whole, writes.Keep(PackColumnList(history.hidden))});
}

void RemoveHistory(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table) {
  writes.MoveState();
  FreeKey(writes, names, table);
  writes.Add(absl::StrCat("DELETE FROM ", names.history, " WHERE table_key = $1"),
             {writes.Keep(FoldName(table))});
}

}  // namespace mirror
