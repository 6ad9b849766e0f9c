#include "server/store/postgres/rows/document_rows.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/own_records/postgres_record.h"
#include "server/store/mirror_records.h"
#include "server/store/postgres/place/store_status.h"

namespace mirror {
namespace {

constexpr char kReadingDocuments[] = "reading the documents of the mirror";

absl::StatusOr<bool> HasDocuments(postgres::Connection& connection, const PostgresOwnTables& names) {
  const auto there = connection.Number("SELECT (to_regclass($1) IS NOT NULL)::int::bigint", {names.documents},
                                       kReadingDocuments);
  if (!there.ok()) return ToStoreStatus(there.status(), TableOwner::kOwnTable);
  return *there != 0;
}

/// `where`: SQL to follow the table's name.
absl::StatusOr<std::vector<Document>> Select(postgres::Connection& connection, const PostgresOwnTables& names,
                                             const std::string& where, postgres::Values values) {
  ASSIGN_OR_RETURN(const bool there, HasDocuments(connection, names));
  if (!there) return std::vector<Document>();
  const auto rows = connection.Query(
      DocumentTable().SelectSql({.dialect = Dialect::kPostgres, .name = names.documents}, where), values,
      kReadingDocuments);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  return ReadRows(DocumentTable(), *rows);
}

}  // namespace

absl::StatusOr<std::vector<Document>> SelectDocuments(postgres::Connection& connection,
                                                      const PostgresOwnTables& names, const std::string& kind,
                                                      const std::string& from, std::size_t count_max) {
  return Select(connection, names, "WHERE kind = $1 AND id >= $2 ORDER BY id LIMIT $3",
                {kind, from, static_cast<std::int64_t>(count_max)});
}

absl::StatusOr<ListedDocuments> SelectListedDocuments(postgres::Connection& connection,
                                                      const PostgresOwnTables& names) {
  ASSIGN_OR_RETURN(const bool there, HasDocuments(connection, names));
  if (!there) return ListedDocuments();
  const auto row = connection.Query(
      absl::StrCat("SELECT coalesce((SELECT text FROM ", names.documents,
                   " WHERE kind = $1 AND id = ''), ''), coalesce((SELECT text FROM ", names.documents,
                   " WHERE kind = $2 AND id = ''), ''), (SELECT count(*) FROM ", names.documents,
                   " WHERE kind = $3)"),
      {kStorageKind, kMemberKind, kJobKind}, kReadingDocuments);
  if (!row.ok()) return ToStoreStatus(row.status(), TableOwner::kOwnTable);
  return ListedDocuments{row->Text(0, 0), row->Text(0, 1), static_cast<std::uint64_t>(row->Int(0, 2))};
}

absl::StatusOr<std::vector<Document>> SelectAllDocuments(postgres::Connection& connection,
                                                         const PostgresOwnTables& names) {
  return Select(connection, names, "ORDER BY kind, id", {});
}

void PutDocument(OwnWrites& writes, const PostgresOwnTables& names, const Document& document) {
  static const SqlOfMany upsert(DocumentTable(), DocumentTable().UpsertSql(kInSchema));
  writes.Add(upsert.Of(names.documents), DocumentTable().Write(document));
}

void WriteDocuments(OwnWrites& writes, const PostgresOwnTables& names,
                    const std::vector<DocumentChange>& changes, std::int64_t now_ms) {
  for (const DocumentChange& change : changes) {
    if (change.text) {
      PutDocument(writes, names, {change.kind, change.id, *change.text, now_ms});
    } else {
      writes.Add(absl::StrCat("DELETE FROM ", names.documents, " WHERE kind = $1 AND id = $2"),
                 {writes.Keep(change.kind), writes.Keep(change.id)});
    }
  }
}

void BoundDocuments(OwnWrites& writes, const PostgresOwnTables& names, const DocumentBound& bound) {
  writes.Add(absl::StrCat("DELETE FROM ", names.documents, " WHERE kind = $1 AND at_ms < $2"),
             {writes.Keep(bound.kind), bound.before_ms});
  writes.Add(absl::StrCat("DELETE FROM ", names.documents, " WHERE kind = $1 AND id IN (SELECT id FROM ",
                          names.documents, " WHERE kind = $1 ORDER BY at_ms DESC, id DESC OFFSET $2)"),
             {writes.Keep(bound.kind), bound.count_max});
}

}  // namespace mirror
