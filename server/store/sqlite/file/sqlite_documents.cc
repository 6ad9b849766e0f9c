#include "server/store/sqlite/file/sqlite_documents.h"

#include <utility>

#include "base/status_macros.h"
#include "server/own_records/sqlite_record.h"
#include "server/store/mirror_records.h"

namespace mirror {
namespace {

absl::StatusOr<bool> HasDocuments(SqliteConnection& connection) {
  // Called often, because in many mirrors each commit writes marks of the journal.
  return connection.database().HasTable("_mirror_documents");
}

absl::Status MakeDocuments(SqliteConnection& connection) {
  const absl::StatusOr<bool> there = HasDocuments(connection);
  if (!there.ok() || *there) return there.status();
  RETURN_IF_ERROR(connection.Execute(DocumentTable().CreateSql(kInSqlite)));
  return connection.Execute("CREATE INDEX _mirror_documents_at ON _mirror_documents (kind, at_ms)");
}

}  // namespace

absl::StatusOr<std::vector<Document>> SelectDocuments(SqliteConnection& connection, const std::string& kind,
                                                      const std::string& from, std::size_t count_max) {
  ASSIGN_OR_RETURN(const bool there, HasDocuments(connection));
  if (!there) return std::vector<Document>();
  static const std::string sql =
      DocumentTable().SelectSql(kInSqlite, "WHERE kind = ?1 AND id >= ?2 ORDER BY id LIMIT ?3");
  ASSIGN_OR_RETURN(Query query, connection.Prepare(sql));
  query.Bind(1, kind).Bind(2, from).Bind(3, static_cast<std::int64_t>(count_max));
  return ReadRows(DocumentTable(), query);
}

absl::StatusOr<ListedDocuments> SelectListedDocuments(SqliteConnection& connection) {
  ASSIGN_OR_RETURN(const bool there, HasDocuments(connection));
  if (!there) return ListedDocuments();
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare(
          "SELECT coalesce((SELECT text FROM _mirror_documents WHERE kind = ?1 AND id = ''), ''), "
          "coalesce((SELECT text FROM _mirror_documents WHERE kind = ?2 AND id = ''), ''), "
          "(SELECT count(*) FROM _mirror_documents WHERE kind = ?3)"));
  query.Bind(1, kStorageKind).Bind(2, kMemberKind).Bind(3, kJobKind);
  if (absl::StatusOr<bool> row = query.Step(); !row.ok()) return row.status();
  return ListedDocuments{query.Text(0), query.Text(1), static_cast<std::uint64_t>(query.Int(2))};
}

absl::StatusOr<std::vector<Document>> SelectAllDocuments(SqliteConnection& connection) {
  ASSIGN_OR_RETURN(const bool there, HasDocuments(connection));
  if (!there) return std::vector<Document>();
  ASSIGN_OR_RETURN(Query query,
                   connection.Prepare(DocumentTable().SelectSql(kInSqlite, "ORDER BY kind, id")));
  return ReadRows(DocumentTable(), query);
}

absl::Status WriteDocument(SqliteConnection& connection, const Document& document) {
  RETURN_IF_ERROR(MakeDocuments(connection));
  if (document.at_ms == 0) {
    // A document without a time is written often. An UPDATE leaves its index entry unchanged.
    ASSIGN_OR_RETURN(Query again,
                     connection.Prepare(
                         "UPDATE _mirror_documents SET text = ?3 WHERE kind = ?1 AND id = ?2 AND at_ms = 0"));
    again.Bind(1, document.kind).Bind(2, document.id).Bind(3, document.text);
    RETURN_IF_ERROR(again.Run());
    if (connection.Changes() > 0) return absl::OkStatus();
  }
  static const std::string sql = DocumentTable().ReplaceSql(kInSqlite);
  ASSIGN_OR_RETURN(Query query, connection.Prepare(sql));
  return WriteRow(DocumentTable(), document, std::move(query));
}

absl::Status WriteDocuments(SqliteConnection& connection, const std::vector<DocumentChange>& changes,
                            std::int64_t now_ms) {
  RETURN_IF_ERROR(MakeDocuments(connection));
  for (const DocumentChange& change : changes) {
    if (change.text) {
      RETURN_IF_ERROR(WriteDocument(connection, {change.kind, change.id, *change.text, now_ms}));
      continue;
    }
    ASSIGN_OR_RETURN(Query query,
                     connection.Prepare("DELETE FROM _mirror_documents WHERE kind = ?1 AND id = ?2"));
    RETURN_IF_ERROR(query.Bind(1, change.kind).Bind(2, change.id).Run());
  }
  return absl::OkStatus();
}

absl::Status BoundDocuments(SqliteConnection& connection, const DocumentBound& bound) {
  const absl::StatusOr<bool> there = HasDocuments(connection);
  if (!there.ok() || !*there) return there.status();
  ASSIGN_OR_RETURN(Query old,
                   connection.Prepare("DELETE FROM _mirror_documents WHERE kind = ?1 AND at_ms < ?2"));
  RETURN_IF_ERROR(old.Bind(1, bound.kind).Bind(2, bound.before_ms).Run());
  ASSIGN_OR_RETURN(Query over, connection.Prepare("DELETE FROM _mirror_documents WHERE kind = ?1 AND id IN "
                                                  "(SELECT id FROM _mirror_documents WHERE kind "
                                                  "= "
                                                  "?1 ORDER BY at_ms DESC, id DESC LIMIT -1 OFFSET ?2)"));
  return over.Bind(1, bound.kind).Bind(2, bound.count_max).Run();
}

}  // namespace mirror
