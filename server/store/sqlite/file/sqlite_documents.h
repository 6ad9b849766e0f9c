#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_DOCUMENTS_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_DOCUMENTS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/sqlite/file/sqlite_connection.h"

// Documents that a door keeps beside the rows, in `_mirror_documents` of the mirror's own file. The first
// document creates this table.

namespace mirror {

/// See StoreRecords::ReadDocuments().
absl::StatusOr<std::vector<Document>> SelectDocuments(SqliteConnection& connection, const std::string& kind,
                                                      const std::string& from, std::size_t count_max);
/// See StoreRecords::ReadListedDocuments().
absl::StatusOr<ListedDocuments> SelectListedDocuments(SqliteConnection& connection);
/// Reads all documents, ordered by kind, then id.
absl::StatusOr<std::vector<Document>> SelectAllDocuments(SqliteConnection& connection);

// These functions run inside the caller's transaction.

absl::Status WriteDocuments(SqliteConnection& connection, const std::vector<DocumentChange>& changes,
                            std::int64_t now_ms);
absl::Status WriteDocument(SqliteConnection& connection, const Document& document);
absl::Status BoundDocuments(SqliteConnection& connection, const DocumentBound& bound);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_DOCUMENTS_H_
