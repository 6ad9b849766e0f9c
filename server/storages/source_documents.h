#ifndef MIRROR_SERVER_STORAGES_SOURCE_DOCUMENTS_H_
#define MIRROR_SERVER_STORAGES_SOURCE_DOCUMENTS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/plan/plan.h"
#include "server/records/record_mapper.h"
#include "server/storages/storages.h"
#include "server/store/store_records.h"

// Documents that the root tenant of a storage keeps about the storage; for further kinds see plan.h.

namespace mirror {

inline constexpr char kDataSourceKind[] = "datasource";  ///< By folded id.
inline constexpr char kMapperKind[] = "mapper";          ///< By folded id.

std::string StorageText(const std::string& name);
/// Empty: the text cannot be parsed.
std::string StorageNameOf(const std::string& text);
std::string SourceText(const DataSource& source);
/// Absent: the text cannot be parsed.
std::optional<DataSource> SourceOf(const std::string& text);
/// Returns the data sources of a storage except the default one. A document that cannot be parsed is skipped.
std::vector<DataSource> SourcesIn(const std::vector<Document>& documents);

// Checks between a mapper and the data sources that use it. `records`: of the storage's root tenant, read
// in the transaction that changes one of them, as another server may change the other one at the same time.

absl::Status NoMapper(const std::string& mapper);

/// Errors: kFailedPrecondition: a data source of the storage uses this mapper.
absl::Status CheckUnused(StoreRecords& records, const std::string& mapper);
/// Checks whether a data source that was created with `mapper` can be listed. Errors:
/// kNotFound: the mapper was deleted since; kFailedPrecondition: the mapper was changed since.
absl::Status CheckStays(StoreRecords& records, const RecordMapper& mapper);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORAGES_SOURCE_DOCUMENTS_H_
