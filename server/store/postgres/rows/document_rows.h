#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_DOCUMENT_ROWS_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_DOCUMENT_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/plan/plan.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/rows/own_writes.h"

// Documents that a door keeps beside the rows. Their table may be missing if no document was ever kept.

namespace mirror {

/// See StoreRecords::ReadDocuments().
absl::StatusOr<std::vector<Document>> SelectDocuments(postgres::Connection& connection,
                                                      const PostgresOwnTables& names, const std::string& kind,
                                                      const std::string& from, std::size_t count_max);
/// See StoreRecords::ReadListedDocuments().
absl::StatusOr<ListedDocuments> SelectListedDocuments(postgres::Connection& connection,
                                                      const PostgresOwnTables& names);
/// Returns all documents, ordered by kind, then id.
absl::StatusOr<std::vector<Document>> SelectAllDocuments(postgres::Connection& connection,
                                                         const PostgresOwnTables& names);

void PutDocument(OwnWrites& writes, const PostgresOwnTables& names, const Document& document);
void WriteDocuments(OwnWrites& writes, const PostgresOwnTables& names,
                    const std::vector<DocumentChange>& changes, std::int64_t now_ms);
void BoundDocuments(OwnWrites& writes, const PostgresOwnTables& names, const DocumentBound& bound);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_DOCUMENT_ROWS_H_
