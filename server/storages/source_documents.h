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

// What the root tenant of a storage keeps of it, as documents; further kinds: plan.h.

namespace mirror {

inline constexpr char kDataSourceKind[] = "datasource";  ///< By folded id.
inline constexpr char kMapperKind[] = "mapper";          ///< By folded id.

std::string StorageText(const std::string& name);
/// Empty: it cannot be read.
std::string StorageNameOf(const std::string& text);
std::string SourceText(const DataSource& source);
/// Absent: it cannot be read.
std::optional<DataSource> SourceOf(const std::string& text);
/// Those of a storage behind its default one. What cannot be read is none.
std::vector<DataSource> SourcesIn(const std::vector<Document>& documents);

// What a mapper and the data sources that use it are to each other. `records`: of the storage's root tenant,
// within the transaction that changes one of them, as another server may change the other one meanwhile.

absl::Status NoMapper(const std::string& mapper);

/// Errors: kFailedPrecondition: a data source of the storage has this mapper.
absl::Status CheckUnused(StoreRecords& records, const std::string& mapper);
/// Whether a data source that was made by `mapper` can be listed. Errors: kNotFound: there is no such mapper
/// any more; kFailedPrecondition: it is another one by now.
absl::Status CheckStays(StoreRecords& records, const RecordMapper& mapper);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORAGES_SOURCE_DOCUMENTS_H_
