#include "server/store/sqlite/rows/sqlite_objects.h"

#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/folded_name.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

absl::Status DropIndex(SqliteConnection& connection, const std::string& name) {
  return connection.Execute(absl::StrCat("DROP INDEX IF EXISTS ", QuoteName(name)));
}

}  // namespace

absl::Status CreateObjectsTable(SqliteConnection& connection) {
  return connection.Execute(
      "CREATE TABLE IF NOT EXISTS _mirror_source_objects (table_name TEXT PRIMARY KEY COLLATE NOCASE, "
      "objects "
      "BLOB) WITHOUT ROWID");
}

absl::StatusOr<std::vector<KeptObjects>> SelectObjects(SqliteConnection& connection) {
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare("SELECT table_name, objects FROM _mirror_source_objects ORDER BY table_name"));
  std::vector<KeptObjects> kept;
  absl::StatusOr<bool> row = query.Step();
  for (; row.ok() && *row; row = query.Step()) {
    if (std::optional<SourceObjects> objects = UnpackObjects(query.Text(1))) {
      kept.push_back({query.Text(0), *std::move(objects)});
    }
  }
  if (!row.ok()) return row.status();
  return kept;
}

absl::Status WriteObjects(SqliteConnection& connection, const ObjectsChange& change) {
  if (!change.objects) return ForgetObjects(connection, change.table);
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare(
          "INSERT OR REPLACE INTO _mirror_source_objects (table_name, objects) VALUES (?1, ?2)"));
  const std::string packed = PackObjects(*change.objects);
  return query.Bind(1, change.table).BindBlob(2, packed).Run();
}

absl::Status ForgetObjects(SqliteConnection& connection, const std::string& table) {
  ASSIGN_OR_RETURN(Query query,
                   connection.Prepare("DELETE FROM _mirror_source_objects WHERE table_name = ?1"));
  return query.Bind(1, table).Run();
}

bool IsOwnIndex(std::string_view name) { return absl::StartsWith(FoldName(name), kOwnIndexPrefix); }

absl::StatusOr<std::vector<OwnIndex>> SelectOwnIndexes(SqliteConnection& connection) {
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare("SELECT name, tbl_name FROM sqlite_schema WHERE type = 'index' ORDER BY rowid"));
  std::vector<OwnIndex> indexes;
  absl::StatusOr<bool> row = query.Step();
  for (; row.ok() && *row; row = query.Step()) {
    if (IsOwnIndex(query.Text(0))) indexes.push_back({query.Text(0), query.Text(1)});
  }
  if (!row.ok()) return row.status();
  return indexes;
}

absl::Status ChangeIndex(SqliteConnection& connection, const IndexChange& change) {
  if (!IsOwnIndex(change.index.name)) {
    return absl::FailedPreconditionError(
        absl::StrCat("index '", change.index.name, "' is not the mirror's own. It was left as it is."));
  }
  connection.ForgetStatements();
  if (change.columns.empty()) return DropIndex(connection, change.index.name);
  CrashPoint("index.making");
  return connection.Execute(absl::StrCat("CREATE INDEX IF NOT EXISTS ", QuoteName(change.index.name), " ON ",
                                         QuoteName(change.index.table), " (", IndexTerms(change.columns),
                                         ")"));
}

absl::Status DropOwnIndexesOver(SqliteConnection& connection, const std::string& table,
                                const std::string& column) {
  std::vector<std::string> names;
  {
    ASSIGN_OR_RETURN(
        Query query,
        connection.Prepare(
            "SELECT list.name FROM temp.pragma_index_list(?1) AS list WHERE EXISTS (SELECT 1 FROM "
            "temp.pragma_index_info(list.name) AS part WHERE part.name = ?2 COLLATE NOCASE)"));
    ASSIGN_OR_RETURN(names, query.Bind(1, table).Bind(2, column).Texts());
  }
  for (const std::string& name : names) {
    if (!IsOwnIndex(name)) continue;
    RETURN_IF_ERROR(DropIndex(connection, name));
  }
  return absl::OkStatus();
}

}  // namespace mirror
