#include "server/store/sqlite/rows/sqlite_partner_index.h"

#include <sqlite3.h>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"

namespace mirror {

absl::StatusOr<std::vector<PartnerIndex>> FindIndexes(SqliteConnection& connection, const std::string& table,
                                                      IndexKind kind) {
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare(
          "SELECT name, sql, EXISTS (SELECT 1 FROM temp.pragma_index_list(?1) AS list WHERE list.name = "
          "entry.name "
          "AND "
          "list.partial = 1) OR EXISTS (SELECT 1 FROM temp.pragma_index_info(entry.name) AS part WHERE "
          "part.name "
          "IS "
          "NULL) FROM sqlite_schema AS entry "
          "WHERE type = 'index' AND tbl_name = ?1 COLLATE NOCASE AND sql IS NOT NULL AND (?2 = 0 OR name IN "
          "(SELECT name FROM temp.pragma_index_list(?1) WHERE \"unique\" = 1)) ORDER BY entry.rowid"));
  query.Bind(1, table).Bind(2, std::int64_t{kind == IndexKind::kUnique});
  std::vector<PartnerIndex> indexes;
  absl::StatusOr<bool> row = query.Step();
  for (; row.ok() && *row; row = query.Step()) {
    indexes.push_back({query.Text(0), query.Text(1), query.Int(2) != 0});
  }
  if (!row.ok()) return row.status();
  return indexes;
}

absl::StatusOr<std::vector<PartnerIndex>> TakeOffIndexes(SqliteConnection& connection,
                                                         const std::string& table, IndexKind kind) {
  absl::StatusOr<std::vector<PartnerIndex>> indexes = FindIndexes(connection, table, kind);
  if (!indexes.ok()) return indexes;
  for (const PartnerIndex& index : *indexes) {
    RETURN_IF_ERROR(connection.Execute(absl::StrCat("DROP INDEX ", QuoteName(index.name))));
  }
  return indexes;
}

absl::Status MakeIndex(SqliteConnection& connection, const PartnerIndex& index) {
  absl::Status made = connection.Execute(index.sql);
  if (made.ok() || !index.has_expression) return made;
  // The partner's tool may have let text stand in double quotes, as SQLite does by default. Never where
  // plain columns are indexed: one that is gone would be taken for its own name.
  sqlite3* const db = connection.handle();
  sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 1, nullptr);
  made = connection.Execute(index.sql);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
  return made;
}

}  // namespace mirror
